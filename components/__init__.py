"""Reusable parts of the platform: they know AWS and nothing of what a workload does."""
