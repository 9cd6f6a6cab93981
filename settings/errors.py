"""The one error of this package."""


class SettingsError(ValueError):
    """A configuration value that the platform cannot be built from.

    The message names the key's path (``nova:services.audio.cpu``), the value, and what is allowed.
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        self.key = key
        super().__init__(f"{key}: {value!r} is not allowed; {allowed}")
