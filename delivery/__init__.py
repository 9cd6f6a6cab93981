"""What workflows run around a change: previews, releases of images, deployments, drift.

- `preview`: what the engine would do, handed from job to job; `gate`: refuses what of it loses data.
- `report`: a preview for people; `comment`: puts it on the pull request.
- `images`: builds each image once, for all stacks; `deploy`: brings a stack to them, and back.
- `smoke`: whether a stack answers; `drift`: whether an account is still what its state says.
- `stack`: what a stack runs, and its updates by the engine; `github`: GitHub's API.

`comment` and `gate` run with nothing but Python's standard library, as jobs that may write to
the repository prepare no environment. How it all plays together is in docs/operations/delivery.md.
"""
