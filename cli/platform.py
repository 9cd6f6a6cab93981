"""What the platform says of itself: its services, URLs and user."""

import time
from typing import Any

from cli import daemon as daemons
from cli.daemon import Daemon
from cli.errors import NovaError
from cli.home import Home, read_json
from cli.output import Step

HEALTHY_TIMEOUT_S = 120
POLL_INTERVAL_S = 0.2
LOG_LINES = 20


def describe(home: Home) -> dict[str, Any]:
    """Return the platform's state in the shape that `nova status --json` prints."""
    daemon = daemons.running(home)
    outputs = home.outputs()
    state = daemons.status(daemon) if daemon else {}
    reported: dict[str, dict[str, Any]] = state.get("services", {})
    names = sorted({*expected_services(outputs), *reported})
    services = {
        name: {
            "healthy": bool(reported.get(name, {}).get("healthy")),
            "url": reported.get(name, {}).get("url"),
        }
        for name in names
    }
    user = read_json(home.user_file)
    urls = _urls(daemon, outputs, state)
    return {
        "healthy": "api" in urls
        and bool(services)
        and all(service["healthy"] for service in services.values()),
        "urls": urls,
        "services": services,
        "refused": _refused(state),
        "user": {"username": user.get("username"), "password": user.get("password")},
    }


def expected_services(outputs: dict[str, Any]) -> list[str]:
    """Return the ECS services that the program declares."""
    return list(outputs.get("services") or [])


def region(outputs: dict[str, Any]) -> str:
    """Return the stack's region, which a user pool's id begins with ("us-east-1_Ab1")."""
    return str(outputs["user_pool_id"]).partition("_")[0]


def require(home: Home) -> tuple[Daemon, dict[str, Any]]:
    """Return the running daemon and the stack's outputs; raises NovaError when the platform is down."""
    daemon = daemons.running(home)
    outputs = home.outputs()
    if daemon is None or not outputs:
        raise NovaError("the platform is not running: start it with `./nova up`")
    return daemon, outputs


def refused_since(daemon: Daemon, total: int) -> list[str]:
    """Return the calls that were refused after the first `total` ones, a line each, newest last."""
    refused = _refused(daemons.status(daemon))
    calls: list[dict[str, Any]] = refused["recent"]
    count = min(int(refused["total"]) - total, len(calls))
    return [refused_line(call) for call in calls[-count:]] if count > 0 else []


def refused_line(call: dict[str, Any]) -> str:
    """Return a refused call for people: who, what, on what, and why."""
    who = call.get("role") or call.get("principal") or "nobody"
    return f"{who} may not {call['action']} on {call['resource']}: {call['reason']}"


def wait_until_healthy(home: Home, daemon: Daemon, services: list[str], step: Step) -> None:
    """Wait until all services run what was declared; raises NovaError with the failing ones' last lines."""
    deadline = time.monotonic() + HEALTHY_TIMEOUT_S
    reported: dict[str, dict[str, Any]] = {}
    waiting = services
    while time.monotonic() < deadline:
        reported = _reported(daemon)
        waiting = [name for name in services if not reported.get(name, {}).get("healthy")]
        if not waiting:
            return
        if any(reported.get(name, {}).get("deployment") == "FAILED" for name in waiting):
            break
        if daemons.running(home) is None:
            raise NovaError(f"the local cloud ended; its log is {home.logs / 'daemon.log'}")
        step.update(f"waiting for {', '.join(waiting)}")
        time.sleep(POLL_INTERVAL_S)
    raise NovaError("\n".join(_failure(home, name, reported.get(name, {})) for name in waiting))


def _reported(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Return what the daemon says of each service."""
    return daemons.status(daemon).get("services", {})


def _refused(state: dict[str, Any]) -> dict[str, Any]:
    """Return the refused calls in the daemon's status: how many, and the last ones, newest last."""
    return state.get("refused") or {"total": 0, "recent": []}


def _failure(home: Home, name: str, reported: dict[str, Any]) -> str:
    reason = reported.get("last_error") or "it gave no reason"
    log = home.logs / f"{name}.log"
    lines = log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    shown = "\n".join(f"    {line}" for line in lines) or "    (nothing was logged)"
    return f"service {name} is not healthy: {reason}\n  last lines of {log}:\n{shown}"


def _urls(daemon: Daemon | None, outputs: dict[str, Any], state: dict[str, Any]) -> dict[str, str]:
    if daemon is None or "api_url" not in outputs:
        return {}
    found = {
        "site": outputs["site_url"],
        "api": outputs["api_url"],
        "mcp": outputs.get("mcp_server_url"),
        "seller": outputs.get("seller_url"),
        "chain": state.get("payments", {}).get("url"),
        "aws": daemon.endpoint,
    }
    return {name: str(url) for name, url in found.items() if url}
