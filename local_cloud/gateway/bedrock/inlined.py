"""What a conversation names in a bucket of this machine, put into the request for a model that is in AWS."""

import base64
import json

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError, parse

INLINE_BYTES_MAX = 18 * 1024 * 1024
"""Of one object: in base64 a third more, under the 25 MB of a request (Nova user guide, video input)."""
MEDIA = ("video", "image", "document")


class Objects:
    """Objects of this machine's buckets, as far as whoever names them may read them."""

    def __init__(self, aws: Aws, ministack: MiniStack) -> None:
        self._aws = aws
        self._ministack = ministack

    async def read(self, uri: str, caller: str) -> bytes:
        """Return an object's content for the owner of an access key.

        Raises:
            AwsError: ValidationException, AccessDeniedException.

        """
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket or not key:
            raise AwsError("ValidationException", "The provided S3 URI is not valid")
        if not self._ministack.allowed(caller, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
            message = "The S3 location cannot be read with the rights of the caller."
            raise AwsError("AccessDeniedException", message, 403)
        named = {"Bucket": bucket, "Key": key}
        try:
            size = int((await self._aws.call("s3", "HeadObject", named))["ContentLength"])
            if size > INLINE_BYTES_MAX:
                message = (
                    f"s3://{bucket} is on this machine, and of its objects at most {INLINE_BYTES_MAX} bytes "
                    f"can be sent along to a model in AWS: this one has {size}"
                )
                raise AwsError("ValidationException", message)
            return await self._aws.content(bucket, key)
        except AwsError as error:
            if error.code == "ValidationException":
                raise
            raise AwsError("ValidationException", "There is nothing at the S3 location") from error


async def inlined(body: bytes, objects: Objects, caller: str) -> bytes:
    """Return a request of Converse whose media are in it, instead of in a bucket, and without a guardrail.

    Any other is as it was.

    Raises:
        AwsError: for what cannot be read, and for a body of another form.

    """
    request = parse(body)
    # The guardrail is on this machine alone, and AWS would refuse a name that it does not know.
    is_guarded = request.pop("guardrailConfig", None) is not None
    sources = _sources(request)
    for source in sources:
        content = await objects.read(str(source.pop("s3Location").get("uri") or ""), caller)
        source["bytes"] = base64.b64encode(content).decode()
    return json.dumps(request).encode() if sources or is_guarded else body


def _sources(request: Document) -> list[Document]:
    """Return the sources of media that are in a bucket."""
    try:
        found = [
            part(block, kind, "source")
            for message in parts(request, "messages")
            for block in parts(message, "content")
            for kind in MEDIA
        ]
        return [source for source in found if isinstance(source.get("s3Location"), dict)]
    except (AttributeError, TypeError) as error:
        raise AwsError("ValidationException", "The request is not of Converse's form") from error
