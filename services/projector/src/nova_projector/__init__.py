"""The projector: the read model of the event store, and the lists that are served from it."""
