"""What workflows run around a change: previews, releases of images, deployments, drift.

- `preview`: reads what the engine would do; `stateful`: which of it loses data; `gate`: refuses that.
- `report`: a preview for people; `comment`: puts it on the pull request.
- `images`: builds each image once, for all stacks; `deploy`: brings a stack to them, and back.
- `smoke`: whether a stack answers; `drift`: whether an account is still what its state says.
- `engine`, `github`: the `pulumi` command line and GitHub's API.

`comment` and `gate` run with nothing but Python's standard library, as jobs that may write to
the repository prepare no environment. How it all plays together is in docs/operations/delivery.md.
"""
