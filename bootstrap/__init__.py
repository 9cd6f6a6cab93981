"""The account stack: what an account and a region have once, a Pulumi program of its own.

``__main__.py`` composes it; ``nova bootstrap`` runs it for the first time. Components here know AWS and
GitHub, and nothing of the platform's workloads.
"""
