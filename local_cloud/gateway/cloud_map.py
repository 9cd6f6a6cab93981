"""Cloud Map services whose namespace stands in their DNS configuration only.

Corrects: MiniStack's CreateService demands a top-level NamespaceId (services/servicediscovery.py
`_create_service`); AWS takes `DnsConfig.NamespaceId` as well, which is where Terraform and Pulumi put it.
"""

import json

from local_cloud.documents import part
from local_cloud.gateway.protocol import Answer, Handler, parse


class CloudMapService:
    """The handler in front of MiniStack's Cloud Map."""

    def __init__(self, otherwise: Handler) -> None:
        self._otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        if headers.get("x-amz-target", "").endswith(".CreateService"):
            request = parse(body)
            namespace = part(request, "DnsConfig").get("NamespaceId")
            if namespace and not request.get("NamespaceId"):
                body = json.dumps(request | {"NamespaceId": namespace}).encode()
        return await self._otherwise(method, path, headers, body, query)
