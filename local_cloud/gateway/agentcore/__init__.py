"""Amazon Bedrock AgentCore Runtime: its control plane's corrections and its data plane."""
