"""Errors that are shown to the person at the terminal, without a traceback."""


class NovaError(Exception):
    """Something the person can act on: the message says what is wrong and what to do."""
