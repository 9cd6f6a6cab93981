"""The wallet: a key is made, written and never shown; its address is what the secret's version is called."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from eth_account import Account

from cli import wallet
from cli.errors import NovaError
from cli.target import Target


class Secrets:
    """Secrets Manager, as far as a wallet needs it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.fails = False

    def put_secret_value(self, **request: str) -> None:
        if self.fails:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutSecretValue")
        assert request["SecretId"] == "arn:wallet"
        self.values = {request["ClientRequestToken"]: request["SecretString"]}

    def describe_secret(self, **_request: str) -> dict[str, Any]:
        if not self.values:
            return {}
        return {"VersionIdsToStages": {"0xold": ["AWSPREVIOUS"], next(iter(self.values)): ["AWSCURRENT"]}}


def target(arn: str | None = "arn:wallet") -> Target:
    return Target(
        outputs={"wallet_secret": arn}, region="us-east-1", session=cast("Any", None), endpoint=None
    )


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    made = Secrets()

    def client(*_: object) -> Secrets:
        return made

    monkeypatch.setattr(Target, "client", client)
    return made


def test_a_new_key_belongs_to_the_address_that_is_told(secrets: Secrets) -> None:
    assert wallet.address_of(target()) is None
    address = wallet.rotate(target())
    accounts: Any = Account
    assert accounts.from_key(secrets.values[address]).address == address
    assert wallet.address_of(target()) == address
    assert wallet.rotate(target()) != address


def test_what_fails_says_so_without_the_key(secrets: Secrets) -> None:
    secrets.fails = True
    with pytest.raises(NovaError, match="cannot be written") as failed:
        wallet.rotate(target())
    assert "0x" not in str(failed.value)


@pytest.mark.usefixtures("secrets")
def test_a_stack_without_a_wallet_has_none_to_rotate() -> None:
    with pytest.raises(NovaError, match="setting `wallet`"):
        wallet.rotate(target(None))


def test_a_chain_that_does_not_answer_is_named() -> None:
    with pytest.raises(NovaError, match="payment network of this machine"):
        wallet.fund("http://127.0.0.1:1", "0x" + "ab" * 20)
