"""Secrets without a value, which have no version until somebody puts one.

Corrects: MiniStack gives each new secret a version, also without a value (services/secretsmanager.py
`_store_new_secret`).
"""

from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.protocol import Answer, Handler, json_answer, parse

VALUES = ("SecretString", "SecretBinary")


class EmptySecrets:
    """The handler in front of MiniStack's Secrets Manager."""

    def __init__(self, otherwise: Handler) -> None:
        self._otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        answer = await self._otherwise(method, path, headers, body, query)
        creates = headers.get("x-amz-target", "").endswith(".CreateSecret")
        if not creates or answer[0] != 200 or any(parse(body).get(name) is not None for name in VALUES):  # noqa: PLR2004 (HTTP)
            return answer
        made = parse(answer[2])
        iam_state.secret(made["ARN"])["Versions"] = {}
        return json_answer({name: value for name, value in made.items() if name != "VersionId"})
