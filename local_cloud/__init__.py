"""Nova's local cloud: an AWS endpoint on this machine.

`gateway` answers AWS API calls, `runtime` runs what those calls create, `applier` puts the program onto them.
"""
