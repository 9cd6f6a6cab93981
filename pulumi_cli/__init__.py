"""The `pulumi` command line: runs it, and reads what it prints.

- `engine`: one stack of one program, previewed, brought up, looked into.
- `preview`: what an update would do; `stateful`: which types of resources hold data; `urns`: what a URN says.

It stands on Python's standard library alone, as jobs of GitHub that may write to the repository read previews
without an environment (see `delivery`), and it knows neither the program nor those who use it.
"""
