"""What requests of several services have in common."""

from .mapper import Value


def attribute_text(value: Value) -> str:
    """Return the text of an attribute: attributes are strings in every API that has them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)
