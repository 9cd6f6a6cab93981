"""Bedrock answered by AWS itself (`models: aws`): requests are signed anew as the user, and no others sent.

Transcribe is not among what leaves: it reads recordings from a bucket and writes there, and the bucket is
here. What a conversation names in a bucket, such as a video, is put into the request, as AWS cannot read it.
"""

import os
import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import botocore.auth
import botocore.awsrequest
import botocore.session
import httpx2

from local_cloud.gateway.bedrock.frames import CONTENT_TYPE
from local_cloud.gateway.bedrock.inlined import Objects, inlined
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError

SERVICE = "bedrock-runtime"
SIGNED_AS = "bedrock"
PASSED_HEADERS = ("content-type", "accept")
ANSWERED_HEADERS = re.compile(r"content-type|x-amzn-errortype|x-amzn-bedrock-[\w-]+")
ANSWER_SECONDS = 300.0
"""Longest silence of a model: whole answers of several thousand tokens take minutes."""
PASSED_PATH = re.compile(r"(/model/)(.+)(/(?:converse|converse-stream|invoke|invoke-with-response-stream))")
"""The operations that are passed on."""
SPEECH_PATH = re.compile(r"/model/.+/invoke-with-bidirectional-stream")


class PassThrough:
    """Bedrock's handler where AWS answers; make it before the daemon's environment is set up.

    `AWS_ENDPOINT_URL_BEDROCK_RUNTIME` of that environment names another address, as it does for AWS's SDKs.
    """

    def __init__(self) -> None:
        session: Any = botocore.session.get_session()
        self._credentials: Any = session.get_credentials()
        self._endpoint = os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
        self._client = httpx2.AsyncClient(timeout=ANSWER_SECONDS)
        self.ministack: MiniStack | None = None
        self.objects: Objects | None = None

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request; a stream of events is passed on as it comes."""
        if self._credentials is None or self.ministack is None or self.objects is None:
            message = "models: aws needs AWS credentials in the environment that starts the local cloud"
            return AwsError("UnrecognizedClientException", message, 403).answer()
        try:
            found = _passed(method, path)
            if found[3].startswith("/converse"):
                caller = self.ministack.access_key(headers, query)
                body = await inlined(body, self.objects, caller)
            request = self._signed(self.ministack.region(), found, headers, body)
            response = await self._client.send(request, stream=True)
            answered = {
                name: value for name, value in response.headers.items() if ANSWERED_HEADERS.fullmatch(name)
            }
            if response.headers.get("content-type") == CONTENT_TYPE:
                return response.status_code, answered, self.ministack.streamed(_passed_on(response))
            return response.status_code, answered, await response.aread()
        except AwsError as error:
            return error.answer()
        except httpx2.HTTPError as error:
            return AwsError("ServiceUnavailableException", f"AWS cannot be reached: {error}", 503).answer()

    async def close(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    def _signed(
        self, region: str, path: re.Match[str], headers: dict[str, str], body: bytes
    ) -> httpx2.Request:
        # The path arrives decoded; a model's id may be an ARN, whose slashes are no separators.
        encoded = f"{path[1]}{quote(path[2], safe='')}{path[3]}"
        url = (self._endpoint or f"https://{SERVICE}.{region}.amazonaws.com").rstrip("/") + encoded
        passed = {name: value for name, value in headers.items() if name in PASSED_HEADERS}
        passed["accept-encoding"] = "identity"
        request: Any = botocore.awsrequest.AWSRequest(method="POST", url=url, data=body, headers=passed)
        credentials = self._credentials.get_frozen_credentials()
        signer: Any = botocore.auth.SigV4Auth(credentials, SIGNED_AS, region)
        signer.add_auth(request)
        return self._client.build_request("POST", url, headers=dict(request.headers.items()), content=body)


def _passed(method: str, path: str) -> re.Match[str]:
    """Return model and operation of a request; AwsError for one that is not passed on."""
    found = PASSED_PATH.fullmatch(path) if method == "POST" else None
    if found is None and SPEECH_PATH.fullmatch(path):
        message = (
            "The local cloud passes no speech sessions on to AWS: their frames are signed one by one. "
            "`./nova up --models offline` answers them here."
        )
        raise AwsError("ValidationException", message)
    if found is None:
        raise AwsError("ValidationException", f"The local cloud passes no {method} {path[:80]} on to AWS")
    return found


async def _passed_on(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Yield a response's body as it comes, and let its connection go in any case."""
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    finally:
        await response.aclose()
