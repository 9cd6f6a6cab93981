"""Sessions of AgentCore Runtime: processes forked from a prepared one."""
