"""Draws a stack: its components by area, and what flows between them."""
