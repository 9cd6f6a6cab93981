"""`python -m local_cloud.payments --folder FOLDER --port PORT [--tls-port PORT --certificate PEM --key PEM]`.

Serves, on loopback: JSON-RPC (`POST /`), where the token is and what an account has (`GET /token`,
`GET /balances/{address}`), tokens for whoever asks (`POST /faucet`), and the facilitator (`GET /supported`,
`POST /verify`, `POST /settle`); over TLS the same, where asked for. It says `ready` on stdout once it does.
"""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import hypercorn.asyncio
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_cloud.payments.chain import Chain, RpcError
from local_cloud.payments.facilitator import Facilitator

ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
AMOUNT_MAX = 10**12
"""A million of the token, of which a millionth is the unit: more than any test needs."""
BODY_BYTES_MAX = 1_000_000


class Server:
    """The HTTP side of a chain and its facilitator."""

    def __init__(self, chain: Chain, facilitator: Facilitator) -> None:
        self._chain = chain
        self._facilitator = facilitator
        self.application = Starlette(
            routes=[
                Route("/", self._rpc, methods=["POST"]),
                Route("/token", self._token),
                Route("/balances/{address}", self._balance),
                Route("/faucet", self._fund, methods=["POST"]),
                Route("/supported", self._supported),
                Route("/verify", self._verify, methods=["POST"]),
                Route("/settle", self._settle, methods=["POST"]),
            ]
        )

    async def _rpc(self, request: Request) -> Response:
        call = await _document(request)
        if isinstance(call, Response):
            return call
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": call.get("id")}
        try:
            answer["result"] = await run_in_threadpool(
                self._chain.rpc, str(call.get("method")), call.get("params") or []
            )
        except RpcError as error:
            answer["error"] = {"code": error.code, "message": str(error)}
        return JSONResponse(answer)

    async def _token(self, request: Request) -> Response:
        del request
        return JSONResponse({"network": self._chain.network, "asset": self._chain.token.address})

    async def _balance(self, request: Request) -> Response:
        address = request.path_params["address"]
        if not ADDRESS.fullmatch(address):
            return _refused("that is not an address: 0x and 40 hexadecimal digits")
        balance = await run_in_threadpool(self._chain.balance, address)
        return JSONResponse({"address": address, "balance": str(balance)})

    async def _fund(self, request: Request) -> Response:
        wish = await _document(request)
        if isinstance(wish, Response):
            return wish
        address, amount = wish.get("address"), wish.get("amount")
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            return _refused("address: give 0x and 40 hexadecimal digits")
        if not isinstance(amount, int) or not 0 < amount <= AMOUNT_MAX:
            return _refused(f"amount: give 1 to {AMOUNT_MAX} of the token's smallest unit")
        transaction = await run_in_threadpool(self._chain.fund, address, amount)
        return JSONResponse({"transaction": transaction})

    async def _supported(self, request: Request) -> Response:
        del request
        return JSONResponse(self._facilitator.supported())

    async def _verify(self, request: Request) -> Response:
        return await self._facilitated(request, self._facilitator.verify)

    async def _settle(self, request: Request) -> Response:
        return await self._facilitated(request, self._facilitator.settle)

    async def _facilitated(self, request: Request, operation: Any) -> Response:  # noqa: ANN401 - either one
        payment = await _document(request)
        if isinstance(payment, Response):
            return payment
        try:
            return JSONResponse(await operation(payment))
        except ValueError as error:
            return _refused(f"that is not a payment: {error}")


def _refused(detail: str) -> Response:
    return JSONResponse({"error": detail}, HTTPStatus.BAD_REQUEST)


async def _document(request: Request) -> dict[str, Any] | Response:
    if int(request.headers.get("content-length", "0")) > BODY_BYTES_MAX:
        return JSONResponse({"error": "the body is too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        document: Any = await request.json()
    except ValueError:
        return _refused("the body is not JSON")
    if not isinstance(document, dict):
        return _refused("the body is not a JSON object")
    fields: dict[str, Any] = document  # pyright: ignore[reportUnknownVariableType]
    return fields


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    chain = Chain(options.folder / "chain.jsonl")
    rpc = f"http://127.0.0.1:{options.port}"
    facilitator = Facilitator(chain.network, rpc)
    server = Server(chain, facilitator)
    config = Config()
    config.bind = [f"127.0.0.1:{options.port}"]
    if options.tls_port:
        config.insecure_bind, config.bind = config.bind, [f"127.0.0.1:{options.tls_port}"]
        config.certfile, config.keyfile = str(options.certificate), str(options.key)
    config.accesslog = config.errorlog = None
    async with _served(server.application, config, stop):
        if not chain.web3.eth.get_balance(facilitator.address):
            await run_in_threadpool(chain.fund, facilitator.address, 1)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()
    chain.close()


@contextlib.asynccontextmanager
async def _served(application: Any, config: Config, stop: asyncio.Event) -> AsyncGenerator[None]:  # noqa: ANN401
    hypercorn_serve: Any = getattr(hypercorn.asyncio, "serve")  # noqa: B009 - its types are incomplete
    serving = asyncio.create_task(hypercorn_serve(application, config, shutdown_trigger=stop.wait))
    try:
        yield
    finally:
        stop.set()
        await serving


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="local_cloud.payments", description="Nova's local payment network")
    parser.add_argument("--folder", type=Path, required=True, help="where the journal of the chain is kept")
    parser.add_argument("--port", type=int, required=True, help="loopback port without TLS")
    parser.add_argument("--tls-port", type=int, default=0, help="loopback port with TLS; 0 for none")
    parser.add_argument("--certificate", type=Path, help="of the server on that port")
    parser.add_argument("--key", type=Path, help="of that certificate")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
