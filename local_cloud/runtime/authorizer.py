"""Cognito user pool authorizers of REST APIs: the token's signature, issuer, life, kind and scopes."""

import time
from typing import Any

import jwt

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws

KEYS_SECONDS = 3600.0
"""How long a pool's public keys are kept; an unknown key id asks once more."""


def token_of(identity_source: str, headers: dict[str, str]) -> str:
    """Return the token that a request carries; `Bearer` in front of it is accepted, as API Gateway does."""
    name = identity_source.rpartition(".")[2] or "Authorization"
    return headers.get(name.lower(), "").strip().removeprefix("Bearer ").removeprefix("bearer ").strip()


def permits(claims: Document, scopes: list[str]) -> bool:
    """Whether verified claims are enough for a method.

    With scopes an access token with at least one of them, without scopes an identity token (API Gateway
    developer guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer").
    """
    if scopes:
        return claims.get("token_use") == "access" and bool(
            set(scopes) & set(str(claims.get("scope", "")).split())
        )
    return claims.get("token_use") == "id"


class Authorizer:
    """Verifies tokens against the public keys of this cloud's user pools."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._keys: dict[str, tuple[float, dict[str, Any]]] = {}

    async def _key(self, pool: str, key_id: str) -> Any:  # noqa: ANN401 (a public key)
        fetched_at, keys = self._keys.get(pool, (0.0, {}))
        if key_id not in keys or time.monotonic() - fetched_at > KEYS_SECONDS:
            response = await self._aws.get(f"/{pool}/.well-known/jwks.json")
            document: Document = response.json() if response.is_success else {}
            keys = {key["kid"]: jwt.PyJWK(key).key for key in document.get("keys", [])}
            self._keys[pool] = (time.monotonic(), keys)
        return keys.get(key_id)

    async def verify(self, provider_arns: list[str], scopes: list[str], token: str) -> Document | None:
        """Return a token's claims when it is good for a method with these scopes, else None."""
        try:
            header, stated = (
                jwt.get_unverified_header(token),
                jwt.decode(token, options={"verify_signature": False}),
            )
            for arn in provider_arns:
                pool, region = arn.rpartition("/")[2], arn.split(":")[3]
                issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool}"
                if stated.get("iss") != issuer:
                    continue
                key = await self._key(pool, str(header.get("kid", "")))
                if key is None:
                    return None
                options: Any = {"require": ["exp", "iss", "token_use"], "verify_aud": False}
                claims = jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options=options)
                return claims if permits(claims, scopes) else None
        except (jwt.PyJWTError, ValueError, IndexError):
            return None
        return None
