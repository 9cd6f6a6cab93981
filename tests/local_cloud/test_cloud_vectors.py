"""S3 Vectors through boto3, against a daemon of its own process."""

import math
import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from tests.local_cloud.running import Running, policy

REGION = "us-east-1"
ACCOUNT = "123456789012"
NO_CHECKS = Config(parameter_validation=False)


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def error(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer: Any = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


class Index:
    """An index of a new bucket, and a client of it."""

    def __init__(self, client: Any, dimension: int = 3, metric: str = "cosine", **options: Any) -> None:  # noqa: ANN401
        self.client = client
        self.names = {"vectorBucketName": name("vectors"), "indexName": name("index")}
        client.create_vector_bucket(vectorBucketName=self.names["vectorBucketName"])
        created = client.create_index(
            **self.names, dataType="float32", dimension=dimension, distanceMetric=metric, **options
        )
        self.arn: str = created["indexArn"]

    def put(self, key: str, values: Sequence[float], **metadata: Any) -> None:  # noqa: ANN401 (any JSON)
        vector = {"key": key, "data": {"float32": list(values)}, "metadata": metadata}
        self.client.put_vectors(**self.names, vectors=[vector])

    def query(self, values: Sequence[float], top_k: int = 10, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        asked = {"queryVector": {"float32": list(values)}, "topK": top_k, **options}
        return self.client.query_vectors(**self.names, returnDistance=True, **asked)["vectors"]

    def keys(self, values: Sequence[float], **options: Any) -> list[str]:  # noqa: ANN401
        return [vector["key"] for vector in self.query(values, **options)]


@pytest.fixture
def vectors(cloud: Running) -> Any:  # noqa: ANN401 (a boto3 client)
    return cloud.client("s3vectors")


def test_buckets_are_made_found_listed_and_deleted(vectors: Any) -> None:  # noqa: ANN401
    prefix = name("b")
    names = sorted(f"{prefix}-{number}" for number in range(3))
    made = [vectors.create_vector_bucket(vectorBucketName=each)["vectorBucketArn"] for each in names]
    assert made == [f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{each}" for each in names]

    by_arn = vectors.get_vector_bucket(vectorBucketArn=made[0])["vectorBucket"]
    assert by_arn == vectors.get_vector_bucket(vectorBucketName=names[0])["vectorBucket"]
    assert by_arn["encryptionConfiguration"] == {"sseType": "AES256"}
    assert by_arn["creationTime"].timestamp() > 0

    first = vectors.list_vector_buckets(prefix=prefix, maxResults=2)
    rest = vectors.list_vector_buckets(prefix=prefix, maxResults=2, nextToken=first["nextToken"])
    listed = [bucket["vectorBucketName"] for page in (first, rest) for bucket in page["vectorBuckets"]]
    assert listed == names and "nextToken" not in rest

    for each in names:
        vectors.delete_vector_bucket(vectorBucketName=each)
    assert vectors.list_vector_buckets(prefix=prefix)["vectorBuckets"] == []


def test_indexes_are_made_found_listed_and_deleted(vectors: Any) -> None:  # noqa: ANN401
    index = Index(vectors, metadataConfiguration={"nonFilterableMetadataKeys": ["text"]})
    found = vectors.get_index(indexArn=index.arn)["index"]
    assert found == vectors.get_index(**index.names)["index"]
    assert found | {"creationTime": 0} == {
        **index.names,
        "indexArn": index.arn,
        "creationTime": 0,
        "dataType": "float32",
        "dimension": 3,
        "distanceMetric": "cosine",
        "metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]},
        "encryptionConfiguration": {"sseType": "AES256"},
    }
    bucket = index.names["vectorBucketName"]
    assert [each["indexName"] for each in vectors.list_indexes(vectorBucketName=bucket)["indexes"]] == [
        index.names["indexName"]
    ]
    with pytest.raises(ClientError) as refused:
        vectors.delete_vector_bucket(vectorBucketName=bucket)
    assert error(refused) == ("ConflictException", 409)
    index.put("a", [1, 0, 0])
    vectors.delete_index(**index.names)
    vectors.delete_vector_bucket(vectorBucketName=bucket)
    with pytest.raises(ClientError) as refused:
        vectors.get_index(**index.names)
    assert error(refused) == ("NotFoundException", 404)


def test_names_are_taken_once_and_have_a_form(vectors: Any) -> None:  # noqa: ANN401
    index = Index(vectors)
    for call, options in (
        (vectors.create_vector_bucket, {"vectorBucketName": index.names["vectorBucketName"]}),
        (
            vectors.create_index,
            {**index.names, "dataType": "float32", "dimension": 3, "distanceMetric": "cosine"},
        ),
    ):
        with pytest.raises(ClientError) as refused:
            call(**options)
        assert error(refused) == ("ConflictException", 409)
    for wrong in ("Upper-Case", "-begins", "with_underscore"):
        with pytest.raises(ClientError) as refused:
            vectors.create_vector_bucket(vectorBucketName=wrong)
        assert error(refused) == ("ValidationException", 400)


def test_vectors_are_put_read_listed_and_deleted(vectors: Any) -> None:  # noqa: ANN401
    index = Index(vectors)
    index.put("b", [0, 1, 0], user="u1", tags=["x", "y"], start=1.5, ready=True)
    index.put("a", [1, 0.5, 0])
    index.put("b", [0, 1, 1], user="u2")

    read = vectors.get_vectors(**index.names, keys=["b", "none", "a"], returnData=True, returnMetadata=True)
    assert read["vectors"] == [
        {"key": "b", "data": {"float32": [0, 1, 1]}, "metadata": {"user": "u2"}},
        {"key": "a", "data": {"float32": [1, 0.5, 0]}, "metadata": {}},
    ]
    assert vectors.get_vectors(indexArn=index.arn, keys=["a"])["vectors"] == [{"key": "a"}]

    first = vectors.list_vectors(**index.names, maxResults=1)
    rest = vectors.list_vectors(**index.names, maxResults=1, nextToken=first["nextToken"])
    assert [each["key"] for page in (first, rest) for each in page["vectors"]] == ["a", "b"]

    vectors.delete_vectors(**index.names, keys=["a", "none"])
    assert [each["key"] for each in vectors.list_vectors(**index.names)["vectors"]] == ["b"]
    assert index.keys([1, 1, 1]) == ["b"]


def test_queries_find_the_nearest_by_direction(vectors: Any) -> None:  # noqa: ANN401
    index = Index(vectors)
    index.put("same", [10, 0, 0], text="far away, same direction")
    index.put("near", [1, 1, 0])
    index.put("opposite", [-1, 0, 0])
    found = index.query([2, 0, 0], returnMetadata=True)
    assert [each["key"] for each in found] == ["same", "near", "opposite"]
    assert [each["distance"] for each in found] == pytest.approx([0, 1 - math.sqrt(0.5), 2], abs=1e-6)
    assert found[0]["metadata"] == {"text": "far away, same direction"}
    assert index.keys([2, 0, 0], top_k=1) == ["same"]


def test_queries_find_the_nearest_by_place(vectors: Any) -> None:  # noqa: ANN401
    index = Index(vectors, dimension=2, metric="euclidean")
    index.put("far", [10, 0])
    index.put("near", [0, 0])
    found = index.query([3, 4])
    assert [(each["key"], each["distance"]) for each in found] == [
        ("near", pytest.approx(5)),
        ("far", pytest.approx(math.sqrt(65))),
    ]


def test_queries_agree_with_a_plain_computation(vectors: Any) -> None:  # noqa: ANN401
    chance = random.Random(4)  # noqa: S311
    index = Index(vectors, dimension=16)
    stored: dict[str, tuple[list[float], str]] = {}

    def put(count: int) -> None:
        batch: list[dict[str, Any]] = []
        for _ in range(count):
            key, user = f"k{chance.randrange(600)}", chance.choice("abc")
            stored[key] = [chance.gauss(0, 1) for _ in range(16)], user
            batch.append({"key": key, "data": {"float32": stored[key][0]}, "metadata": {"user": user}})
        vectors.put_vectors(**index.names, vectors=batch)

    def distance(left: list[float], right: list[float]) -> float:
        product = sum(x * y for x, y in zip(left, right, strict=True))
        return 1 - product / (math.hypot(*left) * math.hypot(*right))

    for round_ in range(3):
        put(400)
        gone = chance.sample(sorted(stored), 50)
        vectors.delete_vectors(**index.names, keys=gone)
        for key in gone:
            stored.pop(key)
        query = [chance.gauss(0, 1) for _ in range(16)]
        of_user = {key: values for key, (values, user) in stored.items() if user == "b"}
        expected = sorted(of_user, key=lambda key: distance(query, of_user[key]))[:20]
        assert index.keys(query, top_k=20, filter={"user": "b"}) == expected, f"round {round_}"


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"user": "u1"}, {"one"}),
    ({"user": {"$eq": "u1"}}, {"one"}),
    ({"user": {"$ne": "u1"}}, {"two", "three"}),
    ({"start": {"$gt": 1}}, {"two"}),
    ({"start": {"$gte": 1, "$lt": 2}}, {"one"}),
    ({"start": {"$lte": 1}}, {"one"}),
    ({"user": {"$in": ["u2", "u9"]}}, {"two"}),
    ({"user": {"$nin": ["u2", "u9"]}}, {"one", "three"}),
    ({"tags": "x"}, {"one", "two"}),
    ({"tags": {"$in": ["y"]}}, {"two"}),
    ({"tags": {"$nin": ["y"]}}, {"one", "three"}),
    ({"ready": True}, {"one"}),
    ({"ready": 1}, {"three"}),
    ({"start": {"$exists": False}}, {"three"}),
    ({"$and": [{"tags": "x"}, {"user": "u2"}]}, {"two"}),
    ({"$or": [{"user": "u1"}, {"start": {"$gt": 1}}]}, {"one", "two"}),
    (
        {"$and": [{"$or": [{"user": "u1"}, {"user": "u2"}]}, {"start": {"$exists": True}}], "ready": True},
        {"one"},
    ),
    ({"user": "u1", "tags": "y"}, set()),
]


@pytest.fixture(scope="module")
def filtered(cloud: Running) -> Index:
    hidden = {"nonFilterableMetadataKeys": ["text"]}
    index = Index(cloud.client("s3vectors"), metadataConfiguration=hidden)
    index.put("one", [1, 0, 0], user="u1", start=1, tags=["x"], ready=True, text="t")
    index.put("two", [0, 1, 0], user="u2", start=2.5, tags=["x", "y"], ready=False)
    index.put("three", [0, 0, 1], ready=1)
    return index


@pytest.mark.parametrize(("condition", "expected"), FILTERS, ids=[str(condition) for condition, _ in FILTERS])
def test_filters(filtered: Index, condition: dict[str, Any], expected: set[str]) -> None:
    assert set(filtered.keys([1, 1, 1], filter=condition)) == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"text": "t"},
        {"$and": [{"text": {"$exists": True}}]},
        {"user": {"$like": "u"}},
        {"start": {"$gt": "1"}},
        {"user": {"$in": []}},
        {"user": {"$eq": ["u1"]}},
        {"user": {}},
        {"$and": []},
        {"$not": {"user": "u1"}},
        {"start": {"$exists": 1}},
    ],
    ids=str,
)
def test_what_is_no_filter_is_refused(filtered: Index, condition: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        filtered.keys([1, 0, 0], filter=condition)
    assert error(refused) == ("ValidationException", 400)


def vector(key: str = "a", values: Sequence[float] = (1, 0, 0), **metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"key": key, "data": {"float32": list(values)}, "metadata": metadata}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([vector(values=[1, 0])], "length 3, but has length 2"),
        ([vector(values=[0, 0, 0])], "zero vectors"),
        ([vector(values=[1e39, 0, 0])], "valid float32"),
        ([vector(), vector("b", text="x" * 2048)], "Filterable metadata must have at most 2048 bytes"),
        ([vector(hidden="x" * 40 * 1024)], "Total metadata"),
        ([vector() | {"metadata": {f"key{number}": 1 for number in range(51)}}], "at most 50 keys"),
        ([vector(user={"nested": 1})], "strings, numbers, booleans"),
        ([vector(user=None)], "strings, numbers, booleans"),
        ([vector(str(number)) for number in range(501)], "between 1 and 500"),
        ([vector("k" * 1025)], "between 1 and 1024"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_breaks_a_limit_is_refused_as_a_whole(cloud: Running, wrong: list[Any], said: str) -> None:
    client = cloud.client("s3vectors", config=NO_CHECKS)
    index = Index(client, metadataConfiguration={"nonFilterableMetadataKeys": ["hidden"]})
    with pytest.raises(ClientError) as refused:
        client.put_vectors(**index.names, vectors=wrong)
    assert error(refused) == ("ValidationException", 400)
    assert said in str(refused.value)
    assert client.list_vectors(**index.names)["vectors"] == []


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        (
            "create_index",
            {"dataType": "float32", "dimension": 4097, "distanceMetric": "cosine", "indexName": "new"},
        ),
        (
            "create_index",
            {"dataType": "float64", "dimension": 3, "distanceMetric": "cosine", "indexName": "new"},
        ),
        ("query_vectors", {"topK": 101, "queryVector": {"float32": [1, 0, 0]}}),
        ("query_vectors", {"topK": 1, "queryVector": {"float32": [1, 0]}}),
        ("query_vectors", {"topK": 1}),
        ("get_vectors", {"keys": [str(number) for number in range(101)]}),
        (
            "get_vectors",
            {"keys": ["a"], "indexArn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/bbb/index/iii"},
        ),
        ("delete_vectors", {"keys": []}),
        ("list_vectors", {"maxResults": 1001}),
    ],
    ids=str,
)
def test_inputs_that_the_model_refuses(cloud: Running, operation: str, members: dict[str, Any]) -> None:
    client = cloud.client("s3vectors", config=NO_CHECKS)
    index = Index(client)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**index.names | members)
    assert error(refused) == ("ValidationException", 400)


def test_the_shape_of_what_is_not_there(vectors: Any) -> None:  # noqa: ANN401
    there = Index(vectors)
    missing: list[Callable[[], object]] = [
        lambda: vectors.get_vector_bucket(vectorBucketName="no-such-bucket"),
        lambda: vectors.delete_index(
            vectorBucketName=there.names["vectorBucketName"], indexName="no-such-index"
        ),
        lambda: vectors.query_vectors(indexArn=f"{there.arn}x", topK=1, queryVector={"float32": [1, 0, 0]}),
        lambda: vectors.get_vector_bucket_policy(vectorBucketName=there.names["vectorBucketName"]),
        lambda: vectors.get_vector_bucket(
            vectorBucketArn=f"arn:aws:s3vectors:eu-west-1:{ACCOUNT}:bucket/{there.names['vectorBucketName']}"
        ),
    ]
    for call in missing:
        with pytest.raises(ClientError) as refused:
            call()
        assert error(refused) == ("NotFoundException", 404)
    with pytest.raises(ParamValidationError):
        vectors.get_vectors(**there.names)


def test_tags_and_policies(vectors: Any) -> None:  # noqa: ANN401
    bucket = name("tagged")
    arn = vectors.create_vector_bucket(vectorBucketName=bucket, tags={"team": "nova"})["vectorBucketArn"]
    vectors.tag_resource(resourceArn=arn, tags={"stack": "local", "team": "search"})
    vectors.untag_resource(resourceArn=arn, tagKeys=["stack"])
    assert vectors.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "search"}

    document = policy((["s3vectors:QueryVectors"], "*"))
    vectors.put_vector_bucket_policy(vectorBucketName=bucket, policy=document)
    assert vectors.get_vector_bucket_policy(vectorBucketArn=arn)["policy"] == document
    vectors.delete_vector_bucket_policy(vectorBucketName=bucket)
    vectors.delete_vector_bucket(vectorBucketName=bucket)
    vectors.create_vector_bucket(vectorBucketName=bucket)
    assert vectors.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def test_calls_need_permission(cloud: Running) -> None:
    index = Index(cloud.client("s3vectors"))
    iam, user = cloud.client("iam"), name("reader")
    iam.create_user(UserName=user)
    allowed = policy((["s3vectors:ListVectors"], [index.arn]))
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=allowed)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    reader = cloud.client(
        "s3vectors", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    assert reader.list_vectors(**index.names)["vectors"] == []
    with pytest.raises(ClientError) as refused:
        reader.put_vectors(**index.names, vectors=[vector()])
    assert error(refused) == ("AccessDeniedException", 403)


def test_what_was_put_survives_a_crash(new_cloud: Callable[[str], Running]) -> None:
    cloud = new_cloud("crash").start()
    index = Index(cloud.client("s3vectors"))
    for number in range(20):
        index.put(f"k{number}", [1, number, 0], number=number)
    cloud.client("s3vectors").delete_vectors(**index.names, keys=["k0"])
    cloud.kill()
    cloud.start()
    index.client = cloud.client("s3vectors")
    found = index.query([1, 5, 0], top_k=1, returnMetadata=True)
    assert (found[0]["key"], found[0]["metadata"]) == ("k5", {"number": 5})
    assert len(index.client.list_vectors(**index.names)["vectors"]) == 19
