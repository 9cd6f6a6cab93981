"""The MCP server: tools for agents that buy what they need, within a budget that people set."""
