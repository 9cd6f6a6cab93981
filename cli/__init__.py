"""The `nova` command line: starts, stops and inspects the platform on this machine.

It starts the local cloud as child processes and talks to it, and to the platform, over HTTP.
"""
