"""Lambda's functions from images: invocations of them run, and their URLs are where they are served.

Corrects: MiniStack runs images through Docker alone, and gives URLs a name that nothing resolves
(services/lambda_svc.py `_invoke`, `_create_function_url_config`).
"""

import re
from urllib.parse import unquote

from local_cloud.documents import Document
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, Handler, json_answer, parse
from local_cloud.runtime.function_environment import PAYLOAD_BYTES_MAX
from local_cloud.runtime.function_urls import FunctionUrls
from local_cloud.runtime.functions import Functions

INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
URL = re.compile(r"/2021-10-31/functions/([^/]+)/url/?")
JSON = "application/json"


def _name(label: str) -> str:
    name = unquote(label)
    return name.partition(":function:")[2].partition(":")[0] or name.partition(":")[0]


class FunctionService:
    """The handler in front of MiniStack's Lambda."""

    def __init__(
        self, functions: Functions, urls: FunctionUrls, ministack: MiniStack, otherwise: Handler
    ) -> None:
        self._functions = functions
        self._urls = urls
        self._ministack = ministack
        self._otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        try:
            if method == "POST" and (found := INVOCATION.fullmatch(path)):
                answer = await self._invoke(_name(found[1]), headers, body)
                return answer or await self._otherwise(method, path, headers, body, query)
            answer = await self._otherwise(method, path, headers, body, query)
            if answer[0] < 300 and (found := URL.fullmatch(path)):  # noqa: PLR2004 (HTTP)
                return self._url(method, _name(found[1]), answer)
        except AwsError as error:
            return error.answer()
        return answer

    async def _invoke(self, name: str, headers: dict[str, str], body: bytes) -> Answer | None:
        function = await self._functions.find(name)
        if function is None:
            return None
        if len(body) > PAYLOAD_BYTES_MAX:
            most = f"Request must be smaller than {PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation"
            raise AwsError("RequestTooLargeException", most, 413)
        payload = body or b"{}"
        version = {"X-Amz-Executed-Version": "$LATEST"}
        match headers.get("x-amz-invocation-type", "RequestResponse"):
            case "DryRun":
                return 204, version, b""
            case "Event":
                await self._functions.event(function, payload)
                return 202, version, b""
            case _:
                outcome = await function.invoke(payload)
                failed = {"X-Amz-Function-Error": outcome.error} if outcome.error else {}
                return 200, {"Content-Type": JSON, **version, **failed}, outcome.payload

    def _url(self, method: str, name: str, answer: Answer) -> Answer:
        if method == "DELETE":
            self._urls.remove(name)
            return answer
        record: Document | None = self._ministack.function_urls().get(name)
        if record is None:
            return answer
        record["FunctionUrl"] = self._urls.place(name, record["AuthType"])
        return json_answer(parse(answer[2]) | {"FunctionUrl": record["FunctionUrl"]}, answer[0], JSON)
