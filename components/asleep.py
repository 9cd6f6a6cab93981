"""A stack that sleeps keeps what it has stored, and has nothing that costs by the hour (no resources).

Asleep there are no tasks, NAT gateways, interface endpoints, load balancer, cache or REST API, and no alarms
but those that guard what is stored; the distribution keeps its name and says that the stack sleeps.
"""

NOWHERE = "asleep.invalid"
"""The host that stands for what a sleeping stack does not have: such names lead nowhere (RFC 6761, 6.4)."""
