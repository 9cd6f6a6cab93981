"""VPC links, and the fields of REST integrations that name them.

Corrects: MiniStack has no `/v2/vpclinks` (services/apigateway.py `handle_request`), and its PutIntegration
forgets connectionId, integrationTarget and responseTransferMode (services/apigateway_v1.py
`_put_integration`).
"""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from local_cloud.documents import Document
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, Handler, json_answer, parse

LINKS = re.compile(r"^/v2/vpclinks(?:/([^/]+))?$")
INTEGRATION = re.compile(r"^/restapis/([^/]+)/resources/([^/]+)/methods/([^/]+)/integration$")
KEPT_FIELDS = ("connectionId", "integrationTarget", "responseTransferMode", "tlsConfig")
JSON = "application/json"


class ApiGatewayService:
    """The handler in front of MiniStack's API Gateway."""

    def __init__(
        self, document: Document, touch: Callable[[], None], ministack: MiniStack, otherwise: Handler
    ) -> None:
        self._links: dict[str, Document] = document.setdefault("links", {})
        self._touch = touch
        self._ministack = ministack
        self._otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        try:
            if found := LINKS.match(path):
                answer = self._vpc_link(method, found[1] or "", parse(body))
                self._touch()
                return answer
            answer = await self._otherwise(method, path, headers, body, query)
            if method == "PUT" and answer[0] < 300 and (found := INTEGRATION.match(path)):  # noqa: PLR2004 (HTTP)
                return self._integration(found[1], found[2], found[3], parse(body), answer)
        except AwsError as error:
            return error.answer()
        return answer

    def _integration(self, api: str, resource: str, method: str, request: Document, answer: Answer) -> Answer:
        extra = {name: request[name] for name in KEPT_FIELDS if request.get(name) is not None}
        self._ministack.integration(api, resource, method).update(extra)
        return json_answer(parse(answer[2]) | extra, answer[0], JSON)

    def _vpc_link(self, method: str, link_id: str, request: Document) -> Answer:
        if not link_id:
            return (
                self._create(request)
                if method == "POST"
                else json_answer({"items": list(self._links.values())}, 200, JSON)
            )
        link = self._links.get(link_id)
        if link is None:
            raise AwsError("NotFoundException", f"Unable to find VPC link by id {link_id}", 404)
        if method == "DELETE":
            del self._links[link_id]
            return json_answer({}, 202, JSON)
        if method == "PATCH" and request.get("name"):
            link["name"] = request["name"]
        return json_answer(link, 200, JSON)

    def _create(self, request: Document) -> Answer:
        if not request.get("name") or not request.get("subnetIds"):
            raise AwsError("BadRequestException", "A VPC link needs name and subnetIds")
        link: Document = {
            "vpcLinkId": secrets.token_hex(3),
            "name": request["name"],
            "subnetIds": request["subnetIds"],
            "securityGroupIds": request.get("securityGroupIds", []),
            "tags": request.get("tags", {}),
            "vpcLinkStatus": "AVAILABLE",
            "vpcLinkStatusMessage": "VPC link is ready to route traffic",
            "vpcLinkVersion": "V2",
            "createdDate": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        self._links[link["vpcLinkId"]] = link
        return json_answer(link, 201, JSON)
