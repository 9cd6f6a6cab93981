"""Addresses of AWS's own console (pure, no resources)."""

_HOSTS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def dashboard_address(region: str, name: str) -> str:
    """Return where people see the CloudWatch dashboard ``name``, once they have signed in."""
    partitions = (host for prefix, host in _HOSTS.items() if region.startswith(prefix))
    host = next(partitions, "console.aws.amazon.com")
    return f"https://{region}.{host}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"
