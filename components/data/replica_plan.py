"""Where a platform's data has a second home, and what a stack there is given of it (pure, no resources)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.compute.image_reference import check_references

_STREAM = r"arn:aws[a-z-]*:dynamodb:{region}:\d{{12}}:table/{table}/stream/[0-9T:.-]+"
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
# AWS limits of names: DynamoDB CreateTable, S3 CreateBucket.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaOf:
    """The replicas that a stack works on, which another stack owns in another region.

    Raises ``ValueError`` for what is no name or ARN of its kind.
    """

    region: str
    """The stack's own, where the replicas are."""
    event_store_table: str
    data_keys_table: str
    event_store_stream_arn: str
    """A replica has a stream of its own."""
    read_model_table: str
    content_bucket: str
    images: Mapping[str, str]
    """Replicated images by workload, each as ``<repository>@sha256:<digest>``; others are built."""
    standby: bool
    """Whether the other stack is at work: then nothing here reads the stream or hears of uploads."""

    def __post_init__(self) -> None:
        """Check names and ARNs."""
        stream = _STREAM.format(region=self.region, table=re.escape(self.event_store_table))
        for field, value, wanted, allowed in (
            ("eventStoreTable", self.event_store_table, _TABLE, "it is the name of a table"),
            ("readModelTable", self.read_model_table, _TABLE, "it is the name of a table"),
            ("dataKeysTable", self.data_keys_table, _TABLE, "it is the name of a table"),
            ("contentBucket", self.content_bucket, _BUCKET, "it is the name of a bucket"),
            (
                "eventStoreStreamArn",
                self.event_store_stream_arn,
                re.compile(stream),
                f"it is the ARN of that table's stream in {self.region}",
            ),
        ):
            if wanted.fullmatch(value) is None:
                raise ValueError(f"{field}: {value} is not allowed; {allowed}")
        check_references(self.images)


def check_replica_region(region: str, replica: str) -> None:
    """Raise ``ValueError`` unless data of ``region`` can have replicas in ``replica``."""
    if region == replica:
        raise ValueError("it is another region than the stack's own")
    if _partition(region) != _partition(replica):
        raise ValueError(f"AWS replicates nothing between its partitions, and the stack is in {region}")


def _partition(region: str) -> str:
    return next((prefix for prefix in ("cn-", "us-gov-") if region.startswith(prefix)), "")
