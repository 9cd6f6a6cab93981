"""Secrets stay out of what the applier writes: a keyed digest stands for each, enough to see a change.

The key is in a file of its own, readable for its owner alone. Values are not kept at all: the program gives
its own again in each run, the cloud is asked for those it made, and generated passwords follow from the key.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, cast

from local_cloud.files import write_private

KEY_BYTES = 32
MARK = "nova:secret"
"""The only key of what stands for a secret."""


class Secrecy:
    """The key in `path`, made when it is missing; a lost key makes every secret look changed."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_private(path, secrets.token_bytes(KEY_BYTES))
        self._key = path.read_bytes()

    def masked(self, properties: Mapping[str, Any], names: Set[str]) -> dict[str, Any]:
        """Return properties with the digest of each of `names` in the place of its value."""
        return {
            name: self._mask(name, value) if name in names and not is_masked(value) else value
            for name, value in properties.items()
        }

    def stream(self, purpose: str) -> Iterator[int]:
        """Return bytes without end that only this key and purpose give (HMAC-SHA256 in counter mode)."""
        counter = 0
        while True:
            yield from self._digest(f"stream/{counter}/{purpose}".encode())
            counter += 1

    def _mask(self, name: str, value: object) -> dict[str, str]:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return {MARK: self._digest(f"mask/{name}/{text}".encode()).hex()}

    def _digest(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, hashlib.sha256)


def is_masked(value: object) -> bool:
    """Whether a value is what stands for a secret."""
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {MARK}
