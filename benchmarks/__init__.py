"""Measurements, each printed as a ratio to a named limit that was measured or set in the same run."""
