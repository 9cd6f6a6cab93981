"""The vector store.

Creates: an S3 vector bucket, encrypted under the vectors' key, and an index in it; more when asked to.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..names import fitting_name, stack_name
from .keys import DataKey

DIMENSION_MAX = 4096
UNFILTERED_KEYS_MAX = 10
"""Limits of an index (S3 Vectors, CreateIndex)."""

_SERVICE = "s3vectors"
_BUCKET_NAME_LENGTH_MAX = 63
_INDEX_NAME_LENGTH_MAX = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorStoreArgs:
    """What the vectors look like, and how they are encrypted and protected."""

    key: DataKey
    dimension: int
    """Numbers in each vector, as the embedding model makes them."""
    model: str
    """Id of that model: vectors of different models cannot be compared."""
    unfiltered_keys: tuple[str, ...]
    """Metadata that is only returned; all other keys can be filtered by."""
    protect: bool

    def __post_init__(self) -> None:
        """Check the limits of an index."""
        if not 1 <= self.dimension <= DIMENSION_MAX:
            raise ValueError(f"dimension: {self.dimension} is not allowed; it is 1 to {DIMENSION_MAX}")
        if len(self.unfiltered_keys) > UNFILTERED_KEYS_MAX:
            raise ValueError(f"unfiltered_keys: {self.unfiltered_keys}: there are at most 10")


class _Granting:
    """Verbs of one index."""

    index_arn: pulumi.Output[str]
    _key: DataKey

    def grant_put(self, role: ServiceRole) -> None:
        """Let ``role`` add vectors, and replace those with the same keys."""
        self._grant(role, "PutVectors", ("s3vectors:PutVectors",))
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_query(self, role: ServiceRole) -> None:
        """Let ``role`` find the vectors nearest to one, with their metadata.

        Filtering and returning metadata needs GetVectors too (S3 Vectors user guide, QueryVectors).
        """
        self._grant(role, "QueryVectors", ("s3vectors:GetVectors", "s3vectors:QueryVectors"))
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_describe(self, role: ServiceRole) -> None:
        """Let ``role`` see what the index is made for."""
        self._grant(role, "DescribeIndex", ("s3vectors:GetIndex",))

    def grant_get(self, role: ServiceRole) -> None:
        """Let ``role`` look up vectors whose keys it knows."""
        self._grant(role, "GetVectors", ("s3vectors:GetVectors",))
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_delete(self, role: ServiceRole) -> None:
        """Let ``role`` remove vectors whose keys it knows."""
        self._grant(role, "DeleteVectors", ("s3vectors:DeleteVectors",))
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def _grant(self, role: ServiceRole, sid: str, actions: tuple[str, ...]) -> None:
        role.add(Statement(sid=sid, actions=actions, resources=(self.index_arn,)))


class FurtherIndex(_Granting):
    """One more index of a vector store, for other things than the first."""

    def __init__(self, key: DataKey, index: aws.s3.VectorsIndex) -> None:
        self._key = key
        self.name = index.index_name
        self.index_arn = index.index_arn


class VectorStore(pulumi.ComponentResource, _Granting):
    """Vectors of 32-bit floating-point numbers, compared by the cosine of their angle.

    Model and dimension are the index's name: a change of either makes another index, empty until it is filled
    again (`nova reindex`).
    """

    dimension: int
    bucket_name: pulumi.Output[str]
    index_name: pulumi.Output[str]
    index_arn: pulumi.Output[str]

    def __init__(self, name: str, args: VectorStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:VectorStore", name, None, opts)
        self._label = name
        self._args = args
        self._key = args.key
        bucket = aws.s3.VectorsVectorBucket(
            f"{name}-bucket",
            vector_bucket_name=stack_name("vectors", _BUCKET_NAME_LENGTH_MAX),
            encryption_configurations=[
                aws.s3.VectorsVectorBucketEncryptionConfigurationArgs(
                    sse_type="aws:kms", kms_key_arn=args.key.arn
                )
            ],
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.dimension = args.dimension
        self.bucket_name = bucket.vector_bucket_name
        index = self._index(
            f"{name}-index",
            f"{args.model}-{args.dimension}",
            aws.s3.VectorsIndexMetadataConfigurationArgs(
                non_filterable_metadata_keys=list(args.unfiltered_keys)
            ),
        )
        self.index_name = index.index_name
        self.index_arn = index.index_arn
        self.register_outputs(
            {"bucket_name": self.bucket_name, "index_name": self.index_name, "index_arn": self.index_arn}
        )

    def further_index(self, label: str) -> FurtherIndex:
        """Return one more index of the same model and dimension, all of whose metadata can be filtered by."""
        args = self._args
        name = f"{label}-{args.model}-{args.dimension}"
        return FurtherIndex(self._key, self._index(f"{self._label}-{label}-index", name))

    def _index(
        self,
        resource: str,
        name: str,
        metadata: aws.s3.VectorsIndexMetadataConfigurationArgs | None = None,
    ) -> aws.s3.VectorsIndex:
        return aws.s3.VectorsIndex(
            resource,
            vector_bucket_name=self.bucket_name,
            index_name=fitting_name(name, _INDEX_NAME_LENGTH_MAX),
            data_type="float32",
            dimension=self.dimension,
            distance_metric="cosine",
            metadata_configuration=metadata,
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )
