"""The rules, by family: a module here is all that a new family takes."""
