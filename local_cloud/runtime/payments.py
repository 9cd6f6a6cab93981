"""The payment network of this machine, as tasks reach it: a facilitator under a name, over TLS.

A stack whose seller names `FACILITATOR` is paid here (`local_cloud.payments`); any other facilitator is asked
where it is. The network is started when the first task wants it.
"""

import sys
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.child import CHECKOUT
from local_cloud.runtime.kept import KeptProcess
from local_cloud.runtime.logs import Logs
from local_cloud.runtime.names import Names
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.tls import Authority

FACILITATOR = ("facilitator.test", 443)
"""A name that nobody can register (RFC 6761), with its port."""

STOP_SECONDS = 5.0


class PaymentNetwork:
    """The process of the chain and its facilitator; what happened on the chain is kept in `folder`."""

    def __init__(
        self, folder: Path, ports: Ports, names: Names, orphans: Orphans, logs: Logs, authority: Authority
    ) -> None:
        self._folder = folder
        self._authority = authority
        self._port = ports.reserve("payments")
        self._tls_port = ports.reserve("payments:tls")
        log = logs.of("payments")
        self._process = KeptProcess(
            "the payment network",
            self._command,
            {"PATH": str(Path(sys.executable).parent), "HOME": str(folder), "LANG": "C.UTF-8"},
            CHECKOUT,
            orphans,
            lambda line: log.write("payments", line),
            STOP_SECONDS,
        )
        self._is_wanted = False
        names.pin(*FACILITATOR, f"127.0.0.1:{self._tls_port}", self._start)

    def status(self) -> Document:
        """Return what `GET /_nova/status` tells: where its JSON-RPC is, nothing while nobody wants it."""
        if not self._is_wanted:
            return {}
        return {"url": f"http://127.0.0.1:{self._port}", "last_error": self._process.error}

    async def stop(self) -> None:
        """End it."""
        await self._process.stop()

    def _start(self) -> None:
        if self._is_wanted:
            return
        self._is_wanted = True
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._process.start()

    def _command(self) -> list[str]:
        certificate, key = self._authority.issue(self._folder, ())
        return [
            sys.executable, "-m", "local_cloud.payments",
            "--folder", str(self._folder),
            "--port", str(self._port), "--tls-port", str(self._tls_port),
            "--certificate", str(certificate), "--key", str(key),
        ]  # fmt: skip
