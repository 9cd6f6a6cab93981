"""The AWS endpoint: one ASGI application in front of MiniStack, plus what MiniStack lacks."""
