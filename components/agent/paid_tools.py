"""The tools that the stack's own MCP server offers its agent, and what was paid: where, and by what right.

Creates nothing of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from ..access.role import ServiceRole
from ..compute.function import Function
from ..network.needs import InternetNeed


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidTools:
    """The stack's own MCP server, as its agent sees it."""

    function: Function
    url: pulumi.Output[str]
    tools: Sequence[str]
    """Names of the tools that a model is given."""

    def grant_call(self, role: ServiceRole) -> None:
        """Let ``role`` call the server, and no other way than by its URL."""
        self.function.grant_call(role)

    def environment(self) -> dict[str, pulumi.Input[str]]:
        """Return what a task is told."""
        return {"MCP_SERVER_URL": self.url, "MCP_SERVER_TOOLS": ",".join(self.tools)}

    def accounting_environment(self) -> dict[str, pulumi.Input[str]]:
        """Return what a task is told that shows what was paid, and asks what may be."""
        return {"PAYMENTS_URL": self.function.url}

    def need(self, region: str) -> InternetNeed:
        """Return what a caller has to reach; the name before it is AWS's to choose."""
        return InternetNeed(host=f"lambda-url.{region}.on.aws", reason="tools that are paid for")
