"""Where a stack's own metrics are (no resources)."""

import pulumi


def metrics_namespace() -> str:
    """Return the namespace of what the stack counts itself, in its logs."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"
