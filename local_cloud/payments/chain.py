"""The chain: py-evm behind JSON-RPC, with a journal from which it is made again after a stop."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import vyper
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from eth_utils.currency import to_wei
from hexbytes import HexBytes
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract
from web3.types import Nonce
from web3.utils import get_create_address

# What the packages below do not say about their types is not known here either.
_backends: Any = PyEVMBackend
_compile: Any = getattr(vyper, "compile_code")  # noqa: B009 - its types are incomplete

TOKEN_SOURCE = Path(__file__).with_name("token.vy")

GENESIS_SECONDS = 1_767_225_600
"""When the chain began: 2026-01-01T00:00:00Z. The same in every home: its blocks can be made again."""

GAS_MAX = 3_000_000
"""Of one transaction; deploying the token takes the most, about a third of it."""

GAS_PRICE = 2_000_000_000
"""In wei: above the least that a block of this chain takes, as all its blocks are nearly empty."""

METHOD_NOT_FOUND, EXECUTION_FAILED = -32601, 3
"""Codes of JSON-RPC 2.0, and of Ethereum clients for a call that reverts. Clients tell by the first one what
a node cannot do."""

LATER_MAX = 1000
"""Transactions of one sender that wait for an earlier one; a sender's threads are not faster in order."""

BLOCK_SECONDS = 0.5
"""Between the first transaction of a block and the block: public chains take 2 s (Base) to 12 s."""

METHODS = frozenset(
    {
        "eth_blockNumber", "eth_call", "eth_chainId", "eth_estimateGas", "eth_gasPrice",
        "eth_getBalance", "eth_getBlockByHash", "eth_getBlockByNumber", "eth_getCode", "eth_getLogs",
        "eth_getStorageAt", "eth_getTransactionByHash", "eth_getTransactionCount",
        "eth_getTransactionReceipt", "eth_maxPriorityFeePerGas", "eth_sendRawTransaction", "eth_syncing",
        "net_version", "web3_clientVersion",
    }
)  # fmt: skip
"""What a public node answers. Whatever acts for an account without its signature is not among them."""


class RpcError(Exception):
    """What a JSON-RPC request is answered instead of a result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def known_account(purpose: str) -> LocalAccount:
    """Return an account of the chain's own: its key is known to everybody, as are the tokens it makes."""
    return Account.from_key(keccak(text=f"nova local chain: {purpose}"))


class Chain:
    """A chain of one node, which makes a block of each transaction. Safe for threads."""

    def __init__(self, journal: Path) -> None:
        """Make the chain again from the journal, or begin a new one."""
        self._lock = threading.RLock()
        self._journal = journal
        minter = known_account("minter")
        backend = _backends(
            genesis_parameters=_backends.generate_genesis_params({"timestamp": GENESIS_SECONDS}),
            # Calls without a sender are made by the tester's own account, which has to afford them.
            genesis_state={
                **_backends.generate_genesis_state(),
                to_canonical_address(minter.address): {
                    "balance": to_wei(1_000_000, "ether"),
                    "nonce": 0,
                    "code": b"",
                    "storage": {},
                },
            },
        )
        self._backend = backend
        self._tester: Any = EthereumTester(backend)
        provider = EthereumTesterProvider(self._tester)
        self.web3 = Web3(provider)
        self._answer = provider.request_func(self.web3, self.web3.middleware_onion)
        self._minter = minter
        self._waiting: list[HexBytes] = []
        self._later: dict[bytes, dict[int, HexBytes]] = {}
        self.chain_id = self.web3.eth.chain_id
        with self._lock:
            self.token = self._opened()

    @property
    def network(self) -> str:
        """The chain's name as CAIP-2 has it."""
        return f"eip155:{self.chain_id}"

    def rpc(self, method: str, parameters: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        """Answer one JSON-RPC request; RpcError with what a node would say."""
        if method not in METHODS:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:80]} does not exist")
        with self._lock:
            if method == "eth_sendRawTransaction":
                return self._submit(_raw(parameters))
            try:
                response = self._answer(method, list(parameters))
            except Exception as error:
                # The layers below have no common base for what they refuse.
                raise RpcError(EXECUTION_FAILED, f"execution reverted: {error}") from error
        if "error" in response:
            raise RpcError(EXECUTION_FAILED, str(response["error"]))
        return encoded(response.get("result"))

    def fund(self, address: str, amount: int) -> str:
        """Give an account tokens, in their smallest unit, and what transactions cost; return the hash."""
        with self._lock:
            self._signed({"to": Web3.to_checksum_address(address), "value": to_wei(1, "ether"), "data": b""})
            minting = self.token.encode_abi("mint", [Web3.to_checksum_address(address), amount])
            minted = self._signed({"to": self.token.address, "value": 0, "data": HexBytes(minting)})
            self._mine()
            return minted

    def balance(self, address: str) -> int:
        """Return what an account has, in the token's smallest unit."""
        with self._lock:
            return int(self.token.functions.balanceOf(Web3.to_checksum_address(address)).call())

    def close(self) -> None:
        """Put what waits into a block."""
        with self._lock:
            self._mine()

    def _opened(self) -> Contract:
        compiled = _compile(TOKEN_SOURCE.read_text("utf-8"), output_formats=["abi", "bytecode"])
        for block in self._blocks():
            self._begin(int(block["at"]))
            for raw in block["transactions"]:
                self._execute(HexBytes(raw))
            self._backend.mine_blocks()
        minted_by = self._minter.address
        if self.web3.eth.get_transaction_count(minted_by) == 0:
            self._signed({"value": 0, "data": HexBytes(compiled["bytecode"])})
            self._mine()
        address = get_create_address(minted_by, Nonce(0))
        return self.web3.eth.contract(address=address, abi=compiled["abi"])

    def _blocks(self) -> Iterator[dict[str, Any]]:
        if not self._journal.exists():
            return
        lines = self._journal.read_bytes().split(b"\n")
        for line in lines[:-1]:
            yield json.loads(line)
        # A line that a crash cut off has no end: nobody has seen its block.
        if lines[-1]:
            with self._journal.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in lines[:-1]))

    def _signed(self, transaction: dict[str, Any]) -> str:
        signed = self._minter.sign_transaction(
            {
                **transaction,
                "nonce": self.web3.eth.get_transaction_count(self._minter.address, "pending"),
                "gas": GAS_MAX,
                "gasPrice": GAS_PRICE,
                "chainId": self.chain_id,
            }
        )
        return self._submit(signed.raw_transaction)

    def _submit(self, raw: HexBytes) -> str:
        """Take a transaction, and execute it when those of its sender before it are."""
        transaction = self._decoded(raw)
        expected = self.web3.eth.get_transaction_count(transaction.sender, "pending")
        later = self._later.setdefault(transaction.sender, {})
        if expected < transaction.nonce and len(later) < LATER_MAX:
            later[transaction.nonce] = raw
            return HexBytes(transaction.hash).to_0x_hex()
        self._include(raw)
        while following := later.pop(expected := expected + 1, None):
            self._include(following)
        return HexBytes(transaction.hash).to_0x_hex()

    def _decoded(self, raw: HexBytes) -> Any:  # noqa: ANN401 - py-evm's, one class a fork
        try:
            return self._backend.chain.get_vm().get_transaction_builder().decode(raw)
        except Exception as error:
            raise RpcError(EXECUTION_FAILED, f"transaction refused: {error}") from error

    def _include(self, raw: HexBytes) -> None:
        """Execute a transaction; what has come within `BLOCK_SECONDS` becomes one block."""
        if not self._waiting:
            self._wait_for_a_later_second()
            self._begin(int(time.time()))
        self._execute(raw)
        self._waiting.append(raw)
        if len(self._waiting) == 1:
            timer = threading.Timer(BLOCK_SECONDS, self.close)
            timer.daemon = True
            timer.start()

    def _wait_for_a_later_second(self) -> None:
        """Two blocks of one second are not possible, and a clock ahead of others ends payments early."""
        while time.time() < self._tester.get_block_by_number("latest")["timestamp"] + 1:
            time.sleep(0.02)

    def _begin(self, at: int) -> None:
        if at > self._tester.get_block_by_number("pending")["timestamp"]:
            self._tester.time_travel(at)

    def _execute(self, raw: HexBytes) -> None:
        try:
            self._backend.send_raw_transaction(raw)
        except Exception as error:
            raise RpcError(EXECUTION_FAILED, f"transaction refused: {error}") from error

    def _mine(self) -> None:
        if not self._waiting:
            return
        block: dict[str, Any] = self._tester.get_block_by_number("pending")
        line = {"at": block["timestamp"], "transactions": [raw.to_0x_hex() for raw in self._waiting]}
        with self._journal.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
        self._waiting.clear()
        self._backend.mine_blocks()


def _raw(parameters: Sequence[Any]) -> HexBytes:
    try:
        return HexBytes(parameters[0])
    except (LookupError, TypeError, ValueError) as error:
        raise RpcError(EXECUTION_FAILED, "transaction refused: give its bytes in hexadecimal") from error


def encoded(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a result as JSON-RPC writes it: bytes and numbers in hexadecimal."""
    match value:
        case bytes():
            return "0x" + value.hex()
        case bool() | str() | None:
            return value
        case int():
            return hex(value)
        case list() | tuple():
            items: Any = value  # pyright: ignore[reportUnknownVariableType]
            return [encoded(item) for item in items]
        case _:
            fields: dict[str, Any] = dict(value)
            return {name: encoded(item) for name, item in fields.items()}
