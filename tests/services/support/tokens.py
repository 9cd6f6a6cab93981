"""A user pool in miniature: a key pair, its JWKS document, and tokens right and wrong."""

import base64
import hashlib
import hmac
import json
import threading
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from nova_common.identity import SigningKeys, TokenVerifier
from nova_common.settings import IdentitySettings

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool00001"
CLIENT_ID = "client-of-the-tests"
KEY_ID = "key-1"
ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"


_keys: dict[str, rsa.RSAPrivateKey] = {}
_making = threading.Lock()


def private_key(name: str = KEY_ID) -> rsa.RSAPrivateKey:
    """One key pair a name, whichever thread asks first; making one takes a tenth of a second."""
    with _making:
        if name not in _keys:
            _keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return _keys[name]


def jwks(*key_ids: str) -> dict[str, Any]:
    keys = [
        {
            **RSAAlgorithm.to_jwk(private_key(key_id).public_key(), as_dict=True),
            "kid": key_id,
            "use": "sig",
            "alg": "RS256",
        }
        for key_id in key_ids or (KEY_ID,)
    ]
    return {"keys": keys}


def claims(user: str = ALICE, **changes: object) -> dict[str, Any]:
    now = int(time.time())
    values: dict[str, Any] = {
        "sub": user,
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "username": user,
        "iat": now,
        "exp": now + 3600,
    }
    values.update(changes)
    return {name: value for name, value in values.items() if value is not None}


def token(user: str = ALICE, *, key: str = KEY_ID, key_id: str | None = None, **changes: object) -> str:
    headers = {"kid": key_id or key}
    return jwt.encode(claims(user, **changes), private_key(key), algorithm="RS256", headers=headers)


def bearer(user: str = ALICE) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user)}"}


def _part(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged_tokens() -> dict[str, str]:
    """Tokens that must be refused, by what is wrong with them."""
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    good = token()
    public_pem = (
        private_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    confused = f"{_part(header | {'alg': 'HS256'})}.{_part(claims())}"
    confused_signature = hmac.new(public_pem, confused.encode(), hashlib.sha256).digest()
    head, _, signature = good.split(".")
    return {
        "no signature": f"{_part(header | {'alg': 'none'})}.{_part(claims())}.",
        "public key as a secret": f"{confused}.{_part(confused_signature)}",
        "tampered": f"{head}.{_part(claims('somebody else'))}.{signature}",
        "another key under our id": token(key="stranger", key_id=KEY_ID),
        "unknown key": token(key="stranger"),
        "expired": token(exp=int(time.time()) - 1),
        "no expiry": token(exp=None),
        "wrong issuer": token(iss=ISSUER + "x"),
        "wrong client": token(client_id="somebody else's"),
        "identity token": token(token_use="id"),
        "no subject": token(sub=None),
        "not a token": "aaaa.bbbb.cccc",
        "empty parts": "..",
        "too long": "a" * 9000,
    }


SETTINGS = IdentitySettings(
    issuer=ISSUER, client_id=CLIENT_ID, jwks_url="https://keys", data_keys_table="unused"
)


class Erasures:
    """Who was erased, as a test says."""

    def __init__(self, *erased: str) -> None:
        self.erased = erased

    def check_ready(self) -> None:
        return None

    def is_erased(self, user: str) -> bool:
        return user in self.erased


def verifier(*erased: str) -> TokenVerifier:
    return TokenVerifier(SETTINGS, Erasures(*erased), SigningKeys("unused", fetch=lambda _: jwks()))
