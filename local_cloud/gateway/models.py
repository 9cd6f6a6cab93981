"""Model services answered by AWS itself (`models: aws`): requests are signed anew as the user."""

from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.session
import httpx2

from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError

PASSED_HEADERS = ("content-type", "x-amz-target", "accept")
ANSWER_SECONDS = 60.0


class PassThrough:
    """The handler of a service that AWS answers; make it before the daemon's environment is set up."""

    def __init__(self, service: str) -> None:
        self._service = service
        session: Any = botocore.session.get_session()
        self._credentials: Any = session.get_credentials()
        self.ministack: MiniStack | None = None

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        if self._credentials is None or self.ministack is None:
            message = "models: aws needs AWS credentials in the environment that starts the local cloud"
            return AwsError("UnrecognizedClientException", message, 403).answer()
        region = self.ministack.region()
        passed = {name: value for name, value in headers.items() if name in PASSED_HEADERS}
        url = f"https://{self._service}.{region}.amazonaws.com{path}"
        request: Any = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=passed)
        signer: Any = botocore.auth.SigV4Auth(
            self._credentials.get_frozen_credentials(), self._service, region
        )
        signer.add_auth(request)
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
            try:
                response = await client.request(
                    method, url, headers=dict(request.headers.items()), content=body
                )
            except httpx2.HTTPError as error:
                return AwsError("ServiceUnavailable", f"AWS cannot be reached: {error}", 503).answer()
        return (
            response.status_code,
            {"Content-Type": response.headers.get("content-type", "")},
            response.content,
        )
