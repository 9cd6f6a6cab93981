"""The file of a stack's settings, of which one line is changed and everything else stays as it is."""

import re
from pathlib import Path
from typing import Any, cast

import yaml

from cli.errors import NovaError
from cli.home import CHECKOUT


class StackFile:
    """`Pulumi.<stack>.yaml`."""

    def __init__(self, stack: str) -> None:
        self.path: Path = CHECKOUT / f"Pulumi.{stack}.yaml"

    def text(self) -> str:
        """Return what is written there; raises ``NovaError`` without a file."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError as error:
            raise NovaError(f"there is no {self.path.name}, which would keep the setting") from error

    def note(self, key: str) -> str:
        """Return the comment behind the setting ``key``, from its ``#`` on; empty for none."""
        found = _line(key).search(self.text())
        return (found["note"] or "") if found is not None else ""

    def edited(self, key: str, value: str, note: str = "") -> str:
        """Return the file's text with ``value`` (as YAML has it) for ``key``, and a note or that of old.

        Raises ``NovaError`` where the file is written so that this takes a person.
        """
        text = self.text()
        found = _line(key).search(text)
        kept = note or self.note(key)
        line = f"  {key}: {value}" + (f" {kept}" if kept else "")
        if found is not None:
            changed = text[: found.start()] + line + text[found.end() :]
        else:
            changed = re.sub(r"^config:\s*$", f"config:\n{line}", text, count=1, flags=re.MULTILINE)
        if _values(changed) != _values(text) | {key: yaml.safe_load(value)}:
            raise NovaError(f"{self.path} cannot be edited: write `{key}: {value}` into it and bring it up")
        return changed


def _line(key: str) -> re.Pattern[str]:
    return re.compile(rf"^  {re.escape(key)}:[^#\n]*(?P<note>#.*)?$", re.MULTILINE)


def _values(text: str) -> dict[str, Any]:
    document = cast("dict[str, Any]", yaml.safe_load(text) or {})
    return document.get("config") or {}
