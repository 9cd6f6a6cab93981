"""What is checked on this machine beside what `nova up` needs: its clock and names, and what runs."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from shutil import which

from cli import checks, platform
from cli import daemon as daemons
from cli.doctor.finding import Broken, Check, Ok, Verdict, warning
from cli.home import CHECKOUT, Home

TESTS_NEED = ("flite", "chromium")
"""Commands that `make test` needs beside what `make up` does (Makefile, tools)."""

type Resolver = Callable[[str], list[str]]


def resolve(host: str) -> list[str]:
    """Return the addresses of ``host``; raises ``OSError`` where nobody knows it."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})


def now() -> datetime:
    """Return the time that this machine's clock shows."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is asked of this machine; tests put something broken in its place."""

    home: Home
    resolver: Resolver = resolve
    clock: Callable[[], datetime] = now

    def checks(self) -> tuple[Check, ...]:
        """Return all checks of this machine."""
        running = daemons.running(self.home)
        return (
            *checks.checks(self.home, running_port=running.port if running else None),
            Check(name="clock", ask=self._clock),
            Check(name="localhost", ask=self._localhost),
            Check(name="tools of tests", ask=_tools_of_tests),
            Check(name="local cloud", ask=lambda: _daemon(running)),
            Check(name="platform", ask=self._platform, needs=("local cloud",)),
        )

    def _clock(self) -> Verdict:
        """Compare with what was written last, as there is no other clock here."""
        written = datetime.fromtimestamp((CHECKOUT / "uv.lock").stat().st_mtime, UTC)
        shown = self.clock()
        if shown < written:
            return Broken(
                f"the clock shows {shown:%Y-%m-%d %H:%M} UTC, before this checkout was written, "
                f"{written:%Y-%m-%d %H:%M} UTC: certificates and tokens would not be valid yet",
                "set it: `sudo timedatectl set-ntp true`",
            )
        return Ok(f"{shown:%Y-%m-%d %H:%M} UTC")

    def _localhost(self) -> Verdict:
        fix = "have /etc/hosts say `127.0.0.1 localhost`"
        try:
            found = self.resolver("localhost")
        except OSError as error:
            return Broken(f"localhost has no address ({error})", fix)
        if "127.0.0.1" in found:
            return Ok("localhost is 127.0.0.1")
        return Broken(f"localhost is {', '.join(found) or 'nothing'}, not 127.0.0.1", fix)

    def _platform(self) -> Verdict:
        if daemons.running(self.home) is None:
            return Ok("nothing runs")
        described = platform.describe(self.home)
        sick = [name for name, service in described["services"].items() if not service["healthy"]]
        if sick:
            return Broken(f"not healthy: {', '.join(sick)}", f"`./nova logs {sick[0]}` says why")
        if not described["healthy"]:
            return warning("it is starting, or was never applied", "`./nova up`")
        return Ok(f"{len(described['services'])} services are healthy")


def _tools_of_tests() -> Verdict:
    missing = [name for name in TESTS_NEED if which(name) is None]
    if missing:
        return warning(
            f"{', '.join(missing)} missing, which `make test` needs",
            f"`sudo scripts/install-system {' '.join(missing)}`",
        )
    return Ok(", ".join(TESTS_NEED))


def _daemon(running: daemons.Daemon | None) -> Verdict:
    if running is None:
        return Ok("not running; `./nova up` starts it")
    if daemons.answers(running.port):
        return Ok(f"answers at {running.endpoint}")
    return Broken(
        f"process {running.pid} runs and does not answer at {running.endpoint}",
        "`./nova down && ./nova up`",
    )
