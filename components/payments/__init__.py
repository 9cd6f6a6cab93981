"""How the platform is paid."""
