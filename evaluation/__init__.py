"""Evaluates a stack's program in this process, without the engine and without a cloud.

What the program would register comes back as plain resources with their inputs and dependencies: the tests
look at them, `nova graph` draws them, `nova cost` prices them.

- `program`: runs `__main__.py` for a stack; `recorder`: receives its registrations.
- `answers`: what AWS would compute for them, so that names and policies read as they will there.
"""
