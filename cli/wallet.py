"""The wallet that agents pay with: its key is made here and written to its secret; nobody is shown it.

The id of the secret's version is the address, so that whoever may describe the secret knows what pays, and
nobody has to read a key for it.
"""

import secrets
from collections.abc import Callable
from typing import Any

import httpx2
from botocore.exceptions import BotoCoreError, ClientError

from cli import platform
from cli.errors import NovaError
from cli.home import Home
from cli.target import Target

OUTPUT = "wallet_secret"
FAUCET_UNITS = 100_000_000
"""What a wallet on this machine is given: 100 of a token with six decimals, of which a day spends 1."""
CHAIN_SECONDS_MAX = 30.0


def address_of(target: Target) -> str | None:
    """Return the address that pays; None while no key is set, NovaError where the stack has no wallet."""
    try:
        found = target.client("secretsmanager").describe_secret(SecretId=_secret(target))
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the wallet's secret cannot be looked at: {error}") from error
    stages: dict[str, list[str]] = found.get("VersionIdsToStages") or {}
    return next((version for version, labels in stages.items() if "AWSCURRENT" in labels), None)


def rotate(target: Target, prepare: Callable[[str], None] = lambda _address: None) -> str:
    """Make a key, have the wallet pay with it from now on, and return its address; NovaError.

    `prepare` is given the address before the wallet has it, so that a wallet with a key is one with money.

    What the earlier address has stays there: its key is the secret's version before, which AWS keeps until
    the next rotation.
    """
    from eth_account import Account  # noqa: PLC0415 (half a second, for this command alone)

    accounts: Any = Account
    account: Any = accounts.from_key(secrets.token_bytes(32))
    address, key = str(account.address), "0x" + bytes(account.key).hex()
    prepare(address)
    try:
        target.client("secretsmanager").put_secret_value(
            SecretId=_secret(target), SecretString=key, ClientRequestToken=address
        )
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the wallet's secret cannot be written: {error}") from error
    return address


def rotate_here(home: Home, target: Target) -> str:
    """Do on this machine what an operator does: make a key, and send its address money before it is used.

    Returns what to say of it: the address, and what is still to be done where the money is elsewhere.
    """
    chain = platform.describe(home)["urls"].get("chain")
    if chain is None:
        return f"{rotate(target)}, which has to be sent money: it pays on a network elsewhere"
    return rotate(target, lambda address: fund(chain, address))


def fund(chain: str, address: str) -> None:
    """Have the payment network of this machine give an address money; NovaError."""
    try:
        with httpx2.Client(base_url=chain, timeout=CHAIN_SECONDS_MAX, trust_env=False) as client:
            wish = {"address": address, "amount": FAUCET_UNITS}
            client.post("/faucet", json=wish).raise_for_status()
    except httpx2.HTTPError as error:
        raise NovaError(f"the payment network of this machine does not answer: {error}") from error


def _secret(target: Target) -> str:
    secret = target.output(OUTPUT)
    if not secret:
        raise NovaError("the stack has no wallet: its setting `wallet` says what agents may pay")
    return str(secret)
