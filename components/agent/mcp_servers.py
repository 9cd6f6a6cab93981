"""What calling MCP servers takes: rights on the functions behind them, and ways to where they are.

Creates nothing of its own: a server is somebody's, at an address on the internet.
"""

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..network.needs import InternetNeed
from .mcp_plan import McpServers


def grant_call(servers: McpServers, role: ServiceRole) -> None:
    """Let ``role`` call the functions behind the servers by their URLs, and no other way."""
    if not servers.functions:
        return
    role.add(
        Statement(
            sid="CallMcpUrls",
            actions=("lambda:InvokeFunctionUrl",),
            resources=servers.functions,
            conditions={"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
        ),
        # Since October 2025 a call by URL has to be allowed both (Lambda developer guide, function URLs).
        Statement(
            sid="RunMcpFunctions",
            actions=("lambda:InvokeFunction",),
            resources=servers.functions,
            conditions={"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
    )


def internet_needs(servers: McpServers) -> tuple[InternetNeed, ...]:
    """Return the hosts that a caller has to reach."""
    hosts = sorted({server.host for server in servers.servers})
    return tuple(InternetNeed(host=host, reason="tools of an MCP server") for host in hosts)
