"""Access tokens: only genuine, current ones of our pool and client open a door."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi import APIRouter
from fastapi.testclient import TestClient
from nova_common.application import create_application
from nova_common.identity import (
    AuthenticatedCaller,
    AuthenticatedRoute,
    Caller,
    Erasures,
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    SigningKeys,
    TokenVerifier,
)
from pydantic import BaseModel

from tests.services.support import tokens

SETTINGS, ERASURES = tokens.SETTINGS, tokens.Erasures()


class KeyServer:
    """A key server that counts and can fail."""

    def __init__(self) -> None:
        self.documents: Any = tokens.jwks()
        self.fetches = 0
        self.now = 1000.0

    def fetch(self, url: str) -> Any:
        assert url == "https://keys"
        self.fetches += 1
        if isinstance(self.documents, Exception):
            raise self.documents
        return self.documents

    def keys(self) -> SigningKeys:
        return SigningKeys("https://keys", fetch=self.fetch, clock=lambda: self.now)


class Thing(BaseModel):
    name: str


@pytest.fixture
def client() -> TestClient:
    router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)

    @router.post("/things")
    def create(thing: Thing, caller: AuthenticatedCaller) -> str:
        return f"{caller.user_id} {thing.name}"

    app = create_application("test")
    app.state.verifier = tokens.verifier()
    app.include_router(router)
    return TestClient(app)


def test_a_genuine_token_names_the_caller(client: TestClient) -> None:
    assert tokens.verifier().verify(tokens.token(tokens.ALICE)) == Caller(tokens.ALICE)
    response = client.post("/api/things", json={"name": "n"}, headers=tokens.bearer(tokens.BOB))
    assert response.json() == f"{tokens.BOB} n"
    header = {"Authorization": f"bearer {tokens.token()}"}
    assert client.post("/api/things", json={"name": "n"}, headers=header).status_code == 200


@pytest.mark.parametrize("fault", tokens.forged_tokens())
def test_forged_and_expired_tokens_are_refused(client: TestClient, fault: str) -> None:
    forged = tokens.forged_tokens()[fault]
    with pytest.raises(InvalidTokenError):
        tokens.verifier().verify(forged)
    response = client.post("/api/things", json={"name": "n"}, headers={"Authorization": f"Bearer {forged}"})
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token abc"])
def test_no_token_is_a_401_before_anything_of_the_body_is_looked_at(
    client: TestClient, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = client.post(
        "/api/things", content=b"{", headers={"Content-Type": "application/json", **headers}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_token_without_the_scope_is_a_403(client: TestClient) -> None:
    for scope in ("", "openid", "aws.cognito.signin.user.administrator"):
        weak = tokens.token(scope=scope)
        with pytest.raises(InsufficientScopeError):
            tokens.verifier().verify(weak)
        response = client.post("/api/things", json={}, headers={"Authorization": f"Bearer {weak}"})
        assert response.status_code == 403
    assert tokens.verifier().verify(tokens.token(scope="openid aws.cognito.signin.user.admin"))


def test_a_route_without_verification_cannot_take_a_caller() -> None:
    app = create_application("test")

    @app.get("/open")
    def read(caller: AuthenticatedCaller) -> str:
        return caller.user_id

    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/open", headers=tokens.bearer()).status_code == 500


def test_keys_are_cached_and_refreshed_for_an_unknown_id() -> None:
    server = KeyServer()
    verifier = TokenVerifier(SETTINGS, ERASURES, server.keys())
    for _ in range(5):
        verifier.verify(tokens.token())
    assert server.fetches == 1
    server.documents = tokens.jwks("key-1", "key-2")
    server.now += 60
    assert verifier.verify(tokens.token(key="key-2"))
    assert server.fetches == 2


def test_unknown_ids_do_not_hammer_the_key_server() -> None:
    server = KeyServer()
    verifier = TokenVerifier(SETTINGS, ERASURES, server.keys())
    verifier.verify(tokens.token())
    for number in range(20):
        with pytest.raises(InvalidTokenError):
            verifier.verify(tokens.token(key_id=f"forged-{number}"))
    assert server.fetches == 1
    server.now += 11
    with pytest.raises(InvalidTokenError):
        verifier.verify(tokens.token(key_id="forged"))
    assert server.fetches == 2


def test_withdrawn_keys_end_within_the_hour() -> None:
    server = KeyServer()
    verifier = TokenVerifier(SETTINGS, ERASURES, server.keys())
    verifier.verify(tokens.token())
    server.documents = tokens.jwks("key-2")
    server.now += 3601
    with pytest.raises(InvalidTokenError):
        verifier.verify(tokens.token())


def test_an_absent_key_server_matters_only_at_the_start() -> None:
    server = KeyServer()
    server.documents = KeysUnavailableError("down")
    verifier = TokenVerifier(SETTINGS, ERASURES, server.keys())
    for _ in range(2):
        with pytest.raises(KeysUnavailableError):
            verifier.verify(tokens.token())
    server.documents = tokens.jwks()
    verifier.verify(tokens.token())
    server.documents = KeysUnavailableError("down again")
    server.now += 4000
    assert verifier.verify(tokens.token())
    server.documents = {"keys": "none"}
    server.now += 4000
    assert verifier.verify(tokens.token())


def test_an_absent_key_server_is_a_503() -> None:
    server = KeyServer()
    server.documents = KeysUnavailableError("down")
    router = APIRouter(route_class=AuthenticatedRoute)

    @router.get("/things")
    def read(caller: AuthenticatedCaller) -> str:
        return caller.user_id

    app = create_application("test")
    app.state.verifier = TokenVerifier(SETTINGS, ERASURES, server.keys())
    app.include_router(router)
    response = TestClient(app).get("/things", headers=tokens.bearer())
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "down" not in response.text


def asked_by(erasures: Erasures) -> Any:
    """The answer to Alice, whose token is valid."""
    router = APIRouter(route_class=AuthenticatedRoute)

    @router.get("/things")
    def read(caller: AuthenticatedCaller) -> str:
        return caller.user_id

    app = create_application("test")
    app.state.verifier = TokenVerifier(SETTINGS, erasures, KeyServer().keys())
    app.include_router(router)
    return TestClient(app).get("/things", headers=tokens.bearer())


def test_the_token_of_an_erased_person_opens_nothing() -> None:
    assert asked_by(tokens.Erasures(tokens.BOB)).status_code == 200
    response = asked_by(tokens.Erasures(tokens.ALICE))
    assert response.status_code == 401
    assert response.json()["type"] == "urn:nova:problem:account-erased"
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_nobody_is_let_in_while_it_cannot_be_told_who_was_erased() -> None:
    class Away(tokens.Erasures):
        def is_erased(self, user: str) -> bool:
            raise EndpointConnectionError(endpoint_url=user)

    response = asked_by(Away())
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"


def test_many_threads_make_one_fetch() -> None:
    server = KeyServer()
    fetching = threading.Event()

    def slow(url: str) -> Any:
        fetching.set()
        time.sleep(0.05)
        return server.fetch(url)

    verifier = TokenVerifier(SETTINGS, ERASURES, SigningKeys("https://keys", fetch=slow))
    good = tokens.token()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(verifier.verify, [good] * 8)) == {Caller(tokens.ALICE)}
    assert server.fetches == 1


@pytest.mark.parametrize("fault", ["no signature", "public key as a secret", "not a token", "too long"])
def test_no_key_is_fetched_for_what_cannot_be_genuine(fault: str) -> None:
    server = KeyServer()
    with pytest.raises(InvalidTokenError):
        TokenVerifier(SETTINGS, ERASURES, server.keys()).verify(tokens.forged_tokens()[fault])
    assert server.fetches == 0


def test_keys_of_other_kinds_are_passed_over() -> None:
    server = KeyServer()
    server.documents = {
        "keys": [
            {"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
            {**tokens.jwks()["keys"][0], "use": "enc", "kid": "encryption"},
            *tokens.jwks()["keys"],
        ]
    }
    assert TokenVerifier(SETTINGS, ERASURES, server.keys()).verify(tokens.token())
    with pytest.raises(InvalidTokenError):
        TokenVerifier(SETTINGS, ERASURES, server.keys()).verify(tokens.token(key_id="encryption"))
