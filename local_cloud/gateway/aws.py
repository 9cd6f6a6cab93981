"""Calls to the gateway from inside the daemon: real AWS requests, signed, without a socket.

Requests are built and parsed by botocore from the services' own models, so the runtime sees what any client
sees, and a call made for a role is authorized like that role's own.
"""

import asyncio
import contextvars
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.parsers
import botocore.serialize
import botocore.session
import httpx2

from local_cloud.documents import Document
from local_cloud.gateway.asgi import Application
from local_cloud.gateway.ministack import Credentials
from local_cloud.gateway.protocol import AwsError

CALL_SECONDS = 30.0
HTTP_ERROR = 300


class Aws:
    """A small AWS client of the gateway in this process."""

    def __init__(self, application: Application, region: str) -> None:
        self._session: Any = botocore.session.get_session()
        self._transport = httpx2.ASGITransport(app=application)
        self._http = httpx2.AsyncClient(
            transport=self._transport, base_url="http://127.0.0.1", timeout=CALL_SECONDS
        )
        self._models: dict[str, Any] = {}
        self._region = region
        self.administrator: Credentials | None = None

    async def call(
        self,
        service: str,
        operation: str,
        parameters: Document | None = None,
        *,
        credentials: Credentials | None = None,
        region: str | None = None,
    ) -> Document:
        """Call one operation as the administrator, or with the given credentials, and return its output.

        Raises:
            AwsError: the service's answer.

        """
        response = await self._answered(service, operation, parameters or {}, credentials, region)
        model = self._model(service)
        operation_model: Any = model.operation_model(operation)
        protocol: str = model.resolved_protocol
        parser: Any = botocore.parsers.create_parser(protocol)
        raw = {"status_code": response.status_code, "headers": response.headers, "body": response.content}
        parsed: Document = parser.parse(raw, operation_model.output_shape)
        if response.status_code >= HTTP_ERROR:
            error: Document = parsed.get("Error", {})
            raise AwsError(
                str(error.get("Code", "Unknown")), str(error.get("Message", "")), response.status_code
            )
        parsed.pop("ResponseMetadata", None)
        return parsed

    async def content(self, bucket: str, key: str) -> bytes:
        """Return an object as it is, which a parsed answer would take for text.

        Raises:
            AwsError: there is none.

        """
        response = await self._answered("s3", "GetObject", {"Bucket": bucket, "Key": key})
        if response.status_code >= HTTP_ERROR:
            raise AwsError("NoSuchKey", "The specified key does not exist.", response.status_code)
        return response.content

    async def get(self, path: str) -> httpx2.Response:
        """Get an unsigned path of the gateway (public keys of a user pool)."""
        return await asyncio.create_task(self._http.get(path), context=contextvars.Context())

    async def close(self) -> None:
        """Release the client."""
        await self._http.aclose()

    async def _answered(
        self,
        service: str,
        operation: str,
        parameters: Document,
        credentials: Credentials | None = None,
        region: str | None = None,
    ) -> httpx2.Response:
        identity = credentials or self.administrator
        if identity is None:
            raise AwsError("ServiceUnavailable", "the gateway is starting", 503)
        model = self._model(service)
        operation_model: Any = model.operation_model(operation)
        protocol: str = model.resolved_protocol
        request = self._request(model, operation_model, protocol, parameters)
        signer: Any = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(
                identity.access_key_id, identity.secret_access_key, identity.session_token
            ),
            model.signing_name,
            region or self._region,
        )
        signer.add_auth(request)
        # A fresh context: the request must not see or change who called the operation that is being served.
        return await asyncio.create_task(self._send(request.prepare()), context=contextvars.Context())

    def _model(self, service: str) -> Any:  # noqa: ANN401 (botocore has no public type for it)
        if service not in self._models:
            self._models[service] = self._session.get_service_model(service)
        return self._models[service]

    def _request(self, model: Any, operation_model: Any, protocol: str, parameters: Document) -> Any:  # noqa: ANN401
        serializer: Any = botocore.serialize.create_serializer(protocol)
        try:
            request: Any = serializer.serialize_to_request(parameters, operation_model)
        except botocore.exceptions.ParamValidationError as error:
            raise AwsError("ValidationException", str(error)) from error
        request.setdefault("headers", {})["Host"] = "127.0.0.1"
        botocore.awsrequest.prepare_request_dict(
            request, endpoint_url="http://127.0.0.1", user_agent=f"nova/{model.service_name}"
        )
        request.setdefault("context", {})
        return botocore.awsrequest.create_request_object(request)

    async def _send(self, prepared: Any) -> httpx2.Response:  # noqa: ANN401
        body = prepared.body
        content = body.encode() if isinstance(body, str) else body
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in prepared.headers.items()
        }
        return await self._http.request(prepared.method, prepared.url, headers=headers, content=content)
