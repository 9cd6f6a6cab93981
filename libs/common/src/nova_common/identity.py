"""Verification of Cognito access tokens, by every service itself, whoever forwarded the request."""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Protocol, override

import jwt
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from nova_common import aws
from nova_common.erased import ErasedPeople
from nova_common.metrics import Metric, counting
from nova_common.problems import Problem
from nova_common.settings import IdentitySettings

REQUIRED_SCOPE = "aws.cognito.signin.user.admin"
"""The scope of tokens that Cognito gives to its own sign-in; the REST API's authorizer demands the same."""

TOKEN_CHARACTERS_MAX = 8192
"""Longer than any token that Cognito makes, shorter than what costs time to parse."""

KEYS_SECONDS_MAX = 3600.0
"""Age at which keys are fetched again; Cognito rotates rarely, and an unknown key id refreshes at once."""

REFRESH_SECONDS_MIN = 10.0
"""Least time between two fetches, so that forged key ids cannot make the service hammer the key server."""

FETCH_SECONDS_MAX = 3.0
DOCUMENT_BYTES_MAX = 256 * 1024
_CLAIMS = ["exp", "iss", "sub", "client_id", "token_use", "scope"]

logger = logging.getLogger(__name__)


class InvalidTokenError(Exception):
    """The token is missing, malformed, expired, forged, or meant for somebody else."""


class InsufficientScopeError(Exception):
    """The token is genuine and does not carry the scope that is required."""


class KeysUnavailableError(Exception):
    """The key server does not answer, and no cached key fits."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the subject of a verified access token."""

    user_id: str


class Erasures(Protocol):
    """What is known of people who were erased."""

    def check_ready(self) -> None:
        """Raise as long as nobody can tell."""
        ...

    def is_erased(self, user: str) -> bool:
        """Whether this person was erased."""
        ...


class _KeySet(BaseModel):
    """A JWKS document (RFC 7517)."""

    keys: list[dict[str, Any]]


def fetch_json(url: str) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """GET a small JSON document; KeysUnavailableError when that fails."""
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS_MAX) as response:  # noqa: S310 - checked in settings
            return json.loads(response.read(DOCUMENT_BYTES_MAX))
    except (OSError, ValueError) as error:
        message = f"cannot fetch signing keys: {error}"
        raise KeysUnavailableError(message) from error


class SigningKeys:
    """The user pool's public keys by key id, cached; thread-safe, one fetch at a time."""

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[str], Any] = fetch_json,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def get(self, key_id: str) -> jwt.PyJWK:
        """Return the key of that id.

        InvalidTokenError when the pool has none, KeysUnavailableError when nobody knows.
        """
        key = self._keys.get(key_id)
        if key is not None and not self._is_older(self._fetched_at, KEYS_SECONDS_MAX):
            return key
        with self._lock:
            # Another thread may have fetched while this one waited for the lock.
            key = self._keys.get(key_id)
            fresh = not self._is_older(self._fetched_at, KEYS_SECONDS_MAX)
            if (key is None or not fresh) and self._is_older(self._tried_at, REFRESH_SECONDS_MIN):
                self._refresh()
                key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._fetched_at is None:
            message = "signing keys could not be fetched yet"
            raise KeysUnavailableError(message)
        message = "the signing key is unknown"
        raise InvalidTokenError(message)

    def ensure(self) -> None:
        """Fetch the keys if none are known yet; KeysUnavailableError when that fails."""
        with self._lock:
            if self._fetched_at is None:
                self._refresh()

    def _is_older(self, moment: float | None, seconds: float) -> bool:
        return moment is None or self._clock() - moment >= seconds

    def _refresh(self) -> None:
        """Fetch and replace all keys; cached ones stay in use while the key server is away."""
        self._tried_at = self._clock()
        try:
            document = self._fetch(self._url)
            self._keys = _signature_keys(document)
        except KeysUnavailableError:
            if self._fetched_at is None:
                # Nothing is known yet, so the next request may try again at once.
                self._tried_at = None
                raise
            logger.warning(
                "signing keys could not be refreshed; the cached ones stay in use",
                exc_info=True,
                extra=counting(Metric.DEGRADED),
            )
            return
        self._fetched_at = self._tried_at


class TokenVerifier:
    """Decides whether an access token was issued by our user pool, for our client, and is still valid.

    A token outlives its person for as long as it is valid: who was erased is asked of `erasures`.
    """

    def __init__(
        self, settings: IdentitySettings, erasures: Erasures, keys: SigningKeys | None = None
    ) -> None:
        self._erasures = erasures
        self._issuer = settings.issuer
        self._client_id = settings.client_id
        self._keys = keys or SigningKeys(settings.jwks_url)

    def check_ready(self) -> None:
        """Readiness: KeysUnavailableError as long as no token can be verified."""
        self._keys.ensure()
        self._erasures.check_ready()

    def verify(self, token: str) -> Caller:
        """Return the caller; InvalidTokenError, InsufficientScopeError or KeysUnavailableError otherwise."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            message = "the token is too long"
            raise InvalidTokenError(message)
        try:
            header = jwt.get_unverified_header(token)
            claims = self._claims(token, header)
        except jwt.PyJWTError as error:
            # PyJWT's messages name the check that failed, never the token's content.
            raise InvalidTokenError(str(error)) from error
        if claims["token_use"] != "access":  # noqa: S105 - the name of a kind, not a password
            message = "the token is not an access token"
            raise InvalidTokenError(message)
        if claims["client_id"] != self._client_id:
            message = "the token was issued for another client"
            raise InvalidTokenError(message)
        if not isinstance(claims["scope"], str) or REQUIRED_SCOPE not in claims["scope"].split():
            message = f"the token lacks the scope {REQUIRED_SCOPE}"
            raise InsufficientScopeError(message)
        return Caller(user_id=claims["sub"])

    def verify_authorization(self, authorization: str | None) -> Caller:
        """Return the caller named by an Authorization header; a Problem (401, 403 or 503) otherwise."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("an access token is required", None)
        try:
            caller = self.verify(token.strip())
            is_erased = self._erasures.is_erased(caller.user_id)
        except InvalidTokenError as error:
            raise _unauthorized(str(error), "invalid_token") from error
        except InsufficientScopeError as error:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{REQUIRED_SCOPE}"'}
            raise Problem(HTTPStatus.FORBIDDEN, str(error), headers=challenge) from error
        except (KeysUnavailableError, ClientError, BotoCoreError) as error:
            logger.warning("a token could not be verified", exc_info=True)
            detail = "identity cannot be verified at the moment"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from error
        if is_erased:
            raise account_erased()
        return caller

    def _claims(self, token: str, header: Mapping[str, Any]) -> dict[str, Any]:
        # Checked before a key is looked up: RS256 alone rules out `none` and a public key used as an HMAC
        # secret.
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            message = "the token is not signed with RS256 by a named key"
            raise InvalidTokenError(message)
        return jwt.decode(
            token,
            self._keys.get(header["kid"]),
            algorithms=["RS256"],
            issuer=self._issuer,
            # Cognito's access tokens name the client in `client_id` and have no audience.
            options={"require": _CLAIMS, "verify_aud": False, "verify_iat": False},
        )


class AuthenticatedRoute(APIRoute):
    """A route that verifies the caller before anything of the body is read.

    Use it as `route_class` of a router; the application's `state.verifier` is its TokenVerifier. What was
    verified is in `request.state`: `caller`, and `authorization` for calls on the caller's behalf.
    """

    authorization_header: ClassVar[str] = "Authorization"
    """Where the token is, in the form `Bearer <token>`."""

    @override
    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handle_authenticated(request: Request) -> Response:
            verifier: TokenVerifier = request.app.state.verifier
            authorization = request.headers.get(self.authorization_header)
            request.state.caller = await run_in_threadpool(verifier.verify_authorization, authorization)
            request.state.authorization = authorization
            return await handle(request)

        return handle_authenticated


def _verified_caller(request: Request) -> Caller:
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        message = "a route that needs the caller must be an AuthenticatedRoute"
        raise TypeError(message)
    return caller


type AuthenticatedCaller = Annotated[Caller, Depends(_verified_caller)]
"""The verified caller, as a parameter of an endpoint."""


def _verified_authorization(request: Request) -> str:
    authorization: str = request.state.authorization
    return authorization


type VerifiedAuthorization = Annotated[str, Depends(_verified_authorization)]
"""The header that the route has verified, for an endpoint that passes it on."""


def token_verifier(settings: IdentitySettings, region: str) -> TokenVerifier:
    """Return what a task verifies callers with, by the settings of its environment."""
    return TokenVerifier(settings, ErasedPeople(aws.dynamodb(region), settings.data_keys_table))


def account_erased() -> Problem:
    """Return the answer to whoever still calls in the name of a person who was erased."""
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(
        HTTPStatus.UNAUTHORIZED, "this account was erased", kind="account-erased", headers=challenge
    )


def _unauthorized(detail: str, error: str | None) -> Problem:
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


def _signature_keys(document: object) -> dict[str, jwt.PyJWK]:
    """Return the RSA signature keys of a JWKS document; KeysUnavailableError when it is none."""
    try:
        entries = _KeySet.model_validate(document).keys
    except ValidationError as error:
        message = "the key server's answer is not a JWKS document"
        raise KeysUnavailableError(message) from error
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries:
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig":
            try:
                keys[str(entry.get("kid"))] = jwt.PyJWK(entry, algorithm="RS256")
            except jwt.PyJWTError:
                logger.warning("a signing key cannot be used", exc_info=True)
    return keys
