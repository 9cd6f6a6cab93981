"""Tools that models are given: typed calls of the services, made as the person who asks."""
