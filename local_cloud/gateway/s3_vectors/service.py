"""Amazon S3 Vectors: vector buckets, indexes, and exact nearest-neighbour queries.

MiniStack has no S3 Vectors. Routes, inputs and error statuses come from the service's API model; limits from
"Limitations and restrictions" of its user guide. Encryption is recorded, not applied.
"""

import asyncio
import functools
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock.embedder import Array, numpy
from local_cloud.gateway.ministack import ACCOUNT, MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, json_answer
from local_cloud.gateway.rest_json import RestJsonModel
from local_cloud.gateway.s3_vectors.filter import compiled
from local_cloud.gateway.s3_vectors.index import Vector
from local_cloud.gateway.s3_vectors.store import Bucket, Index, VectorStore

SERVICE = "s3vectors"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ARN = re.compile(
    r"arn:aws:s3vectors:(?P<region>[^:]+):(?P<account>\d+):bucket/(?P<bucket>[^/]+)(?:/index/(?P<index>.+))?"
)
PAYLOAD_BYTES_MAX = 20 * 1024 * 1024
METADATA_BYTES_MAX = 40 * 1024
FILTERABLE_BYTES_MAX = 2048
METADATA_KEYS_MAX = 50
TOP_K_MAX = 100
TAGS_MAX = 50
LIST_PAGE = 500
"""Buckets, indexes and vectors on a page unless the caller says otherwise (API reference, List*)."""

type Call = Callable[["_Request"], Document]


class _Request:
    """One operation's input, and the region that it is for."""

    def __init__(self, region: str, members: Document) -> None:
        self.region = region
        self.members = members

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:aws:s3vectors:{self.region}:{ACCOUNT}:bucket/{bucket}"

    def index_arn(self, bucket: str, index: str) -> str:
        return f"{self.bucket_arn(bucket)}/index/{index}"

    def bucket_name(self) -> str:
        """Return the name of the bucket that is meant, given by name or by ARN."""
        name, arn = self.members.get("vectorBucketName"), self.members.get("vectorBucketArn")
        if (name is None) == (arn is None):
            raise AwsError("ValidationException", "Specify either vectorBucketName or vectorBucketArn")
        return name if name is not None else self._named(arn)[0]

    def index_names(self) -> tuple[str, str]:
        """Return the names of the bucket and the index that are meant, given by names or by ARN."""
        bucket, name = self.members.get("vectorBucketName"), self.members.get("indexName")
        arn = self.members.get("indexArn")
        if (arn is None) != (bucket is not None and name is not None) or (arn and (bucket or name)):
            message = "Specify either indexArn or both vectorBucketName and indexName"
            raise AwsError("ValidationException", message)
        return self._named(arn) if arn else (str(bucket), str(name))

    def tagged(self) -> tuple[str, str]:
        """Return the names of the bucket and of the index ("" for the bucket itself) to be tagged."""
        return self._named(self.members["resourceArn"])

    def _named(self, arn: Any) -> tuple[str, str]:  # noqa: ANN401 (any JSON)
        found = ARN.fullmatch(arn)
        if found is None:
            raise AwsError("ValidationException", f"Invalid ARN: {arn}")
        if (found["region"], found["account"]) != (self.region, ACCOUNT):
            raise AwsError("NotFoundException", f"{arn} is of another region or account")
        return found["bucket"], found["index"] or ""


class S3VectorsService:
    """The handler of the S3 Vectors API. The store's thread does everything, one call after another."""

    def __init__(self, store: VectorStore, ministack: MiniStack) -> None:
        self._store = store
        self._ministack = ministack
        self._model = RestJsonModel(SERVICE)
        self._thread = ThreadPoolExecutor(1, SERVICE)
        self._operations: dict[str, Call] = {
            "CreateVectorBucket": self._create_bucket,
            "GetVectorBucket": self._get_bucket,
            "ListVectorBuckets": self._list_buckets,
            "DeleteVectorBucket": self._delete_bucket,
            "PutVectorBucketPolicy": self._put_policy,
            "GetVectorBucketPolicy": self._get_policy,
            "DeleteVectorBucketPolicy": self._delete_policy,
            "CreateIndex": self._create_index,
            "GetIndex": self._get_index,
            "ListIndexes": self._list_indexes,
            "DeleteIndex": self._delete_index,
            "PutVectors": self._put_vectors,
            "GetVectors": self._get_vectors,
            "ListVectors": self._list_vectors,
            "DeleteVectors": self._delete_vectors,
            "QueryVectors": self._query_vectors,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    async def __call__(
        self, method: str, path: str, _headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        serve = functools.partial(self._serve, self._ministack.region(), method, path, body, query)
        return await asyncio.get_running_loop().run_in_executor(self._thread, serve)

    def close(self) -> None:
        """Finish what is being written."""
        self._thread.shutdown()
        self._store.close()

    def _serve(self, region: str, method: str, path: str, body: bytes, query: dict[str, list[str]]) -> Answer:
        try:
            operation, labels = self._model.operation(method, path)
            call = self._operations.get(operation)
            if call is None:
                raise AwsError("ValidationException", f"The local cloud has no S3 Vectors {operation}")
            if len(body) > PAYLOAD_BYTES_MAX:
                raise AwsError("ValidationException", f"A request has at most {PAYLOAD_BYTES_MAX} bytes")
            members = self._model.read(operation, labels, body, query)
            return json_answer(call(_Request(region, members)), content_type="application/json")
        except AwsError as error:
            return self._model.error(error)

    def _bucket(self, request: _Request, name: str | None = None) -> Bucket:
        bucket = self._store.bucket(request.region, name or request.bucket_name())
        if bucket is None:
            raise AwsError("NotFoundException", "The specified vector bucket could not be found")
        return bucket

    def _index(self, request: _Request) -> tuple[Bucket, Index]:
        bucket_name, name = request.index_names()
        bucket = self._bucket(request, bucket_name)
        index = self._store.index(bucket, name)
        if index is None:
            raise AwsError("NotFoundException", "The specified index could not be found")
        return bucket, index

    def _create_bucket(self, request: _Request) -> Document:
        name: str = request.members["vectorBucketName"]
        if not BUCKET_NAME.fullmatch(name):
            raise AwsError("ValidationException", "Invalid vector bucket name")
        if not self._store.add_bucket(request.region, name, _encryption(request.members)):
            raise AwsError("ConflictException", "A vector bucket with the specified name already exists")
        arn = request.bucket_arn(name)
        self._store.set_tags(arn, part(request.members, "tags"))
        return {"vectorBucketArn": arn}

    def _get_bucket(self, request: _Request) -> Document:
        bucket = self._bucket(request)
        return {
            "vectorBucket": _shown_bucket(request, bucket) | {"encryptionConfiguration": bucket.encryption}
        }

    def _list_buckets(self, request: _Request) -> Document:
        asked = request.members
        limit = asked.get("maxResults", LIST_PAGE)
        found = self._store.buckets(
            request.region, asked.get("prefix", ""), asked.get("nextToken", ""), limit + 1
        )
        shown = [_shown_bucket(request, bucket) for bucket in found[:limit]]
        return {"vectorBuckets": shown} | _next([bucket.name for bucket in found], limit)

    def _delete_bucket(self, request: _Request) -> Document:
        bucket = self._bucket(request)
        if not self._store.delete_bucket(bucket):
            raise AwsError("ConflictException", "The specified vector bucket is not empty")
        self._forget_tags(request.bucket_arn(bucket.name))
        return {}

    def _put_policy(self, request: _Request) -> Document:
        bucket, policy = self._bucket(request), request.members["policy"]
        try:
            valid = isinstance(json.loads(policy), dict)
        except ValueError:
            valid = False
        if not valid:
            raise AwsError("ValidationException", "The policy is not a JSON object")
        self._store.set_policy(bucket, policy)
        return {}

    def _get_policy(self, request: _Request) -> Document:
        bucket = self._bucket(request)
        if bucket.policy is None:
            raise AwsError("NotFoundException", "The specified vector bucket policy could not be found")
        return {"policy": bucket.policy}

    def _delete_policy(self, request: _Request) -> Document:
        self._store.set_policy(self._bucket(request), None)
        return {}

    def _create_index(self, request: _Request) -> Document:
        asked, bucket = request.members, self._bucket(request)
        name: str = asked["indexName"]
        if not INDEX_NAME.fullmatch(name):
            raise AwsError("ValidationException", "Invalid index name")
        hidden: list[str] = part(asked, "metadataConfiguration").get("nonFilterableMetadataKeys") or []
        encryption = _encryption(asked, bucket.encryption)
        if not self._store.add_index(
            bucket, name, asked["dimension"], asked["distanceMetric"], hidden, encryption
        ):
            raise AwsError("ConflictException", "An index with the specified name already exists")
        arn = request.index_arn(bucket.name, name)
        self._store.set_tags(arn, part(asked, "tags"))
        return {"indexArn": arn}

    def _get_index(self, request: _Request) -> Document:
        bucket, index = self._index(request)
        described = _shown_index(request, bucket, index) | {
            "dataType": "float32",
            "dimension": index.dimension,
            "distanceMetric": index.metric,
            "encryptionConfiguration": index.encryption,
        }
        if index.hidden:
            described["metadataConfiguration"] = {"nonFilterableMetadataKeys": index.hidden}
        return {"index": described}

    def _list_indexes(self, request: _Request) -> Document:
        asked, bucket = request.members, self._bucket(request)
        limit = asked.get("maxResults", LIST_PAGE)
        found = self._store.indexes(bucket, asked.get("prefix", ""), asked.get("nextToken", ""), limit + 1)
        shown = [_shown_index(request, bucket, index) for index in found[:limit]]
        return {"indexes": shown} | _next([index.name for index in found], limit)

    def _delete_index(self, request: _Request) -> Document:
        bucket, index = self._index(request)
        self._store.delete_index(index)
        self._forget_tags(request.index_arn(bucket.name, index.name))
        return {}

    def _put_vectors(self, request: _Request) -> Document:
        _, index = self._index(request)
        vectors = [
            Vector(
                item["key"],
                _numbers(item["data"]["float32"], index, f"Invalid record for key '{item['key']}': "),
                _metadata(item, index),
            )
            for item in request.members["vectors"]
        ]
        self._store.put(index, vectors)
        return {}

    def _get_vectors(self, request: _Request) -> Document:
        _, index = self._index(request)
        keys: list[str] = request.members["keys"]
        found = self._store.get(index, keys)
        return {"vectors": [_shown(request, found[key]) for key in dict.fromkeys(keys) if key in found]}

    def _list_vectors(self, request: _Request) -> Document:
        _, index = self._index(request)
        asked = request.members
        if asked.get("segmentCount", 1) != 1:
            raise AwsError("ValidationException", "The local cloud lists vectors in one segment only")
        limit = asked.get("maxResults", LIST_PAGE)
        found = self._store.listed(index, asked.get("nextToken", ""), limit + 1)
        shown = [_shown(request, vector) for vector in found[:limit]]
        return {"vectors": shown} | _next([vector.key for vector in found], limit)

    def _delete_vectors(self, request: _Request) -> Document:
        _, index = self._index(request)
        self._store.delete(index, request.members["keys"])
        return {}

    def _query_vectors(self, request: _Request) -> Document:
        _, index = self._index(request)
        asked = request.members
        if asked["topK"] > TOP_K_MAX:
            raise AwsError("ValidationException", f"topK must be between 1 and {TOP_K_MAX}, inclusive")
        query = _numbers(asked["queryVector"]["float32"], index, "Invalid query vector: ")
        predicate = compiled(asked["filter"], index.hidden) if "filter" in asked else None
        found = self._store.nearest(index, query, asked["topK"], predicate)
        stored = self._store.get(index, [key for key, _ in found]) if asked.get("returnMetadata") else {}
        vectors: list[Document] = []
        for key, distance in found:
            vector: Document = {"key": key}
            if asked.get("returnDistance"):
                vector["distance"] = distance
            if asked.get("returnMetadata"):
                vector["metadata"] = stored[key].metadata
            vectors.append(vector)
        return {"vectors": vectors, "distanceMetric": index.metric}

    def _tagged(self, request: _Request) -> str:
        """Return the ARN of the resource that is meant; it exists."""
        bucket_name, index_name = request.tagged()
        bucket = self._bucket(request, bucket_name)
        if index_name and self._store.index(bucket, index_name) is None:
            raise AwsError("NotFoundException", "The specified index could not be found")
        return request.members["resourceArn"]

    def _tag(self, request: _Request) -> Document:
        arn, tags = self._tagged(request), request.members["tags"]
        if len(self._store.tags(arn) | tags) > TAGS_MAX:
            raise AwsError("ValidationException", f"A resource has at most {TAGS_MAX} tags")
        self._store.set_tags(arn, tags)
        return {}

    def _untag(self, request: _Request) -> Document:
        self._store.remove_tags(self._tagged(request), request.members["tagKeys"])
        return {}

    def _list_tags(self, request: _Request) -> Document:
        return {"tags": self._store.tags(self._tagged(request))}

    def _forget_tags(self, arn: str) -> None:
        self._store.remove_tags(arn, self._store.tags(arn))


def _encryption(members: Document, default: Document | None = None) -> Document:
    """Return the encryption to record; an index has its bucket's unless it says otherwise."""
    return part(members, "encryptionConfiguration") or default or {"sseType": "AES256"}


def _next(names: list[str], limit: int) -> Document:
    """Return the token of the next page, when there is one: the last name of this page."""
    return {"nextToken": names[limit - 1]} if len(names) > limit else {}


def _shown_bucket(request: _Request, bucket: Bucket) -> Document:
    return {
        "vectorBucketName": bucket.name,
        "vectorBucketArn": request.bucket_arn(bucket.name),
        "creationTime": bucket.created,
    }


def _shown_index(request: _Request, bucket: Bucket, index: Index) -> Document:
    return {
        "vectorBucketName": bucket.name,
        "indexName": index.name,
        "indexArn": request.index_arn(bucket.name, index.name),
        "creationTime": index.created,
    }


def _shown(request: _Request, vector: Vector) -> Document:
    shown: Document = {"key": vector.key}
    if request.members.get("returnData"):
        shown["data"] = {"float32": vector.data.tolist()}
    if request.members.get("returnMetadata"):
        shown["metadata"] = vector.metadata
    return shown


def _numbers(values: list[float], index: Index, prefix: str) -> Array:
    """Return a vector as float32.

    Raises:
        AwsError: ValidationException for a wrong length, a number that is none, and a vector without a
            direction where the distance is measured by direction.

    """
    np = numpy()
    if len(values) != index.dimension:
        message = f"{prefix}vector must have length {index.dimension}, but has length {len(values)}"
        raise AwsError("ValidationException", message)
    with np.errstate(over="ignore"):
        data = np.array(values, np.float64).astype(np.float32)
    if not np.isfinite(data).all():
        raise AwsError("ValidationException", f"{prefix}vector must contain only valid float32 values")
    if index.metric == "cosine" and not data.any():
        raise AwsError("ValidationException", f"{prefix}zero vectors are not allowed for cosine distance")
    return data


def _metadata(item: Document, index: Index) -> Document:
    """Return the metadata of a vector to be put.

    Raises:
        AwsError: ValidationException for what is too large or of a type that is not supported.

    """
    given: object = item.get("metadata", {})
    metadata: Document = cast("Document", given) if isinstance(given, dict) else {"": given}
    prefix = f"Invalid record for key '{item['key']}': "
    if metadata is not given or not all(map(_supported, metadata.values())):
        message = f"{prefix}metadata values must be strings, numbers, booleans, or lists of them"
        raise AwsError("ValidationException", message)
    if len(metadata) > METADATA_KEYS_MAX:
        raise AwsError("ValidationException", f"{prefix}metadata must have at most {METADATA_KEYS_MAX} keys")
    filterable = {name: value for name, value in metadata.items() if name not in index.hidden}
    if _size(filterable) > FILTERABLE_BYTES_MAX:
        message = f"{prefix}Filterable metadata must have at most {FILTERABLE_BYTES_MAX} bytes"
        raise AwsError("ValidationException", message)
    if _size(metadata) > METADATA_BYTES_MAX:
        message = f"{prefix}Total metadata must have at most {METADATA_BYTES_MAX} bytes"
        raise AwsError("ValidationException", message)
    return metadata


def _supported(value: object) -> bool:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return all(isinstance(item, str | int | float | bool) for item in items)


def _size(metadata: Document) -> int:
    return len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())
