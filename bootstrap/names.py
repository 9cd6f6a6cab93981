"""Names that this stack takes, so that nothing of the platform can have them (pure, no resources)."""

PREVIEW = "preview"
"""GitHub's environment of jobs that preview pull requests."""
STATE = "state"
"""What the state's bucket, key and parameter are named after."""


def releases_repository(platform: str) -> str:
    """Return the name of the repository of images that deliveries of ``platform`` build."""
    return f"{platform}-releases"
