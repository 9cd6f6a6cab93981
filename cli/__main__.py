"""`python -m cli`, which the `nova` launcher runs."""

from cli.app import main

main()
