"""The network: zone plan and VPC."""
