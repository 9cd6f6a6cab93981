"""A payment network on one machine: an EVM chain, a token that is paid by signature, and an x402 facilitator.

It runs as a process of its own (`python -m local_cloud.payments`), because executing transactions takes time
that the gateway has not got.
"""
