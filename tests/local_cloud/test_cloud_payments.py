"""The local payment network: what it keeps over a stop, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.services.support.payments import PaymentNetwork, new_account, payment_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaymentNetwork]:
    with payment_network(tmp_path_factory.mktemp("chain")) as network:
        yield network


def test_what_happened_is_there_after_a_stop_and_a_cut_off_line_is_not(tmp_path: Path) -> None:
    account = new_account()
    with payment_network(tmp_path) as network:
        network.fund(account.address, 5)
        network.fund(account.address, 7)
        asset = network.asset
    with (tmp_path / "chain.jsonl").open("ab") as journal:
        journal.write(b'{"at": 1')
    with payment_network(tmp_path) as network:
        assert (network.balance(account.address), network.asset) == (12, asset)
        network.fund(account.address, 1)
    with payment_network(tmp_path) as network:
        assert network.balance(account.address) == 13


def test_the_token_is_where_the_local_stack_says(network: PaymentNetwork) -> None:
    stack = (Path(__file__).parents[2] / "Pulumi.local.yaml").read_text("utf-8")
    assert f'asset: "{network.asset}"' in stack
    assert f"network: {network.network}\n" in stack


@pytest.mark.parametrize("method", ["eth_accounts", "eth_sendTransaction", "evm_mine", "no_such_method"])
def test_a_node_does_nothing_for_an_account_without_its_signature(
    network: PaymentNetwork, method: str
) -> None:
    assert network.rpc(method)["error"]["code"] == -32601


@pytest.mark.parametrize(
    "parameters", [(), ("0x00",), ("0x02f8",), ("nonsense",), ({"to": "0x12"},)], ids=str
)
def test_a_transaction_that_is_none_is_refused(
    network: PaymentNetwork, parameters: tuple[object, ...]
) -> None:
    assert network.rpc("eth_sendRawTransaction", *parameters)["error"]["code"] == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faucet", {"address": "0x12", "amount": 1}),
        ("/faucet", {"address": "0x" + "11" * 20, "amount": 0}),
        ("/faucet", {"address": "0x" + "11" * 20, "amount": 10**13}),
        ("/verify", {}),
        ("/settle", {"paymentPayload": {}, "paymentRequirements": {}}),
        ("/verify", ["no object"]),
    ],
)
def test_what_makes_no_sense_is_refused(network: PaymentNetwork, path: str, body: object) -> None:
    answer = httpx.post(f"{network.url}{path}", json=body, timeout=30)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_balance_of_nobody_is_none(network: PaymentNetwork) -> None:
    assert network.balance(new_account().address) == 0
    assert httpx.get(f"{network.url}/balances/nobody", timeout=30).status_code == 400
