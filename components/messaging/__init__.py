"""How parts hear of each other: bus, queues, pipe and the alerts topic."""
