"""The account that everything belongs to."""

ACCOUNT = "123456789012"
"""AWS's own example of an account id."""
