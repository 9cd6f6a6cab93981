"""`nova doctor`: what is broken on this machine or in an account, and what repairs it."""
