"""Typed contracts between services: HTTP models, event data and documents, one module per owning service."""
