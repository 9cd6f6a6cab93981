"""How parts hear of each other: bus, queues and pipe."""
