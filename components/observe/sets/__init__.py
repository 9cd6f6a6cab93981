"""What is watched of each kind of resource, a module for each group of components (pure, no resources)."""
