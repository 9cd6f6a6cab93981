"""The network: zone plan, VPC, and who connects to whom."""
