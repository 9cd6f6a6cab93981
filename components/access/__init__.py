"""Who may do what: statements, roles and the few actions without resources."""
