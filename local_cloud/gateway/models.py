"""Model services answered by AWS itself (`models: aws`): requests are signed anew as the user."""

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
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError

MODEL_SERVICES = {"transcribe": "transcribe", "bedrock-runtime": "bedrock"}
"""Services that pass through, with the names that their requests are signed for."""
PASSED_HEADERS = ("content-type", "x-amz-target", "accept")
ANSWERED_HEADERS = re.compile(r"content-type|x-amzn-errortype|x-amzn-bedrock-[\w-]+")
ANSWER_SECONDS = 300.0
"""Longest silence of a model: whole answers of several thousand tokens take minutes."""
MODEL_PATH = re.compile(r"(/model/)(.+)(/[a-z-]+)")


class PassThrough:
    """The handler of a service that AWS answers; make it before the daemon's environment is set up.

    `AWS_ENDPOINT_URL_<SERVICE>` of that environment names another address, as it does for AWS's SDKs.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        session: Any = botocore.session.get_session()
        self._credentials: Any = session.get_credentials()
        self._endpoint = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}")
        self._client = httpx2.AsyncClient(timeout=ANSWER_SECONDS)
        self.ministack: MiniStack | None = None

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request; a stream of events is passed on as it comes."""
        if self._credentials is None or self.ministack is None:
            message = "models: aws needs AWS credentials in the environment that starts the local cloud"
            return AwsError("UnrecognizedClientException", message, 403).answer()
        request = self._signed(self.ministack.region(), method, path, headers, body)
        try:
            response = await self._client.send(request, stream=True)
            answered = {
                name: value for name, value in response.headers.items() if ANSWERED_HEADERS.fullmatch(name)
            }
            if response.headers.get("content-type") == CONTENT_TYPE:
                return response.status_code, answered, self.ministack.streamed(_passed_on(response))
            return response.status_code, answered, await response.aread()
        except httpx2.HTTPError as error:
            return AwsError("ServiceUnavailableException", f"AWS cannot be reached: {error}", 503).answer()

    async def close(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    def _signed(
        self, region: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> httpx2.Request:
        # The path arrives decoded; a model's id may be an ARN, whose slashes are no separators.
        found = MODEL_PATH.fullmatch(path)
        encoded = f"{found[1]}{quote(found[2], safe='')}{found[3]}" if found else quote(path)
        url = (self._endpoint or f"https://{self.service}.{region}.amazonaws.com").rstrip("/") + encoded
        passed = {name: value for name, value in headers.items() if name in PASSED_HEADERS}
        passed["accept-encoding"] = "identity"
        request: Any = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=passed)
        credentials = self._credentials.get_frozen_credentials()
        signer: Any = botocore.auth.SigV4Auth(credentials, MODEL_SERVICES[self.service], region)
        signer.add_auth(request)
        return self._client.build_request(method, url, headers=dict(request.headers.items()), content=body)


async def _passed_on(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Yield a response's body as it comes, and let its connection go in any case."""
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    finally:
        await response.aclose()
