"""The local payment network as a process, and a payer who meets it with the x402 package's own client."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class PaymentNetwork:
    """A chain with its token and facilitator."""

    url: str
    network: str
    asset: str

    @classmethod
    def at(cls, url: str) -> Self:
        token = httpx.get(f"{url}/token", timeout=30).raise_for_status().json()
        return cls(url, token["network"], token["asset"])

    def fund(self, address: str, amount: int) -> None:
        answer = httpx.post(f"{self.url}/faucet", json={"address": address, "amount": amount}, timeout=30)
        answer.raise_for_status()

    def balance(self, address: str) -> int:
        return int(
            httpx.get(f"{self.url}/balances/{address}", timeout=30).raise_for_status().json()["balance"]
        )

    def rpc(self, method: str, *parameters: object) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer: dict[str, Any] = httpx.post(self.url, json=body, timeout=30).raise_for_status().json()
        return answer

    def funded(self, amount: int) -> LocalAccount:
        account = new_account()
        self.fund(account.address, amount)
        return account


def new_account() -> LocalAccount:
    """An account that nobody else has, without money."""
    accounts: Any = Account
    account: LocalAccount = accounts.create()
    return account


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def payment_network(folder: Path) -> Generator[PaymentNetwork]:
    """A network whose chain is kept in a folder; ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "local_cloud.payments", "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield PaymentNetwork.at(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            assert process.wait(30) == 0
