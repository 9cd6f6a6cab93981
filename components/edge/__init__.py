"""How callers get in: user pool, REST API and load balancer."""
