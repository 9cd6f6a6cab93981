"""What is known of earlier runs: every resource by URN, written after each change.

The file holds inputs and outputs, because a later run compares with them; digests stand for secrets (see
`secrecy`). Its mode is 0600. A write goes to a temporary file that replaces the old one, so that a run killed
at any moment leaves a checkpoint that is complete up to its last change.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from local_cloud.files import write_private

FORMAT_VERSION = 1


@dataclass(slots=True, kw_only=True)
class Entry:
    """One resource. `pending` is set before it is created, so that a killed run finds its name again."""

    type: str
    name: str
    physical: str
    inputs: dict[str, Any]
    digest: str
    id: str = ""
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    dependencies: list[str] = field(default_factory=list[str])
    pending: bool = False
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Condemned:
    """A resource that was replaced and is still to be deleted."""

    urn: str
    entry: Entry


class Checkpoint:
    """The checkpoint file; safe for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.resources: dict[str, Entry] = {}
        self.condemned: list[Condemned] = []
        self.outputs: dict[str, Any] = {}
        # When the daemon started that the resources were last seen in: another one may have lost something.
        self.verified_against = ""
        if path.exists():
            self._load()

    def get(self, urn: str) -> Entry | None:
        """Return what is known of a resource."""
        with self._lock:
            return self.resources.get(urn)

    def put(self, urn: str, entry: Entry) -> None:
        """Record a resource."""
        with self._lock:
            self.resources[urn] = entry
            self._save()

    def replace(self, urn: str, old: Entry, new: Entry) -> None:
        """Record the resource that takes the place of `old`, which is to be deleted at the end of the run."""
        with self._lock:
            self.condemned.append(Condemned(urn, old))
            self.resources[urn] = new
            self._save()

    def forget(self, urn: str) -> None:
        """Remove a resource that was deleted."""
        with self._lock:
            self.resources.pop(urn, None)
            self._save()

    def settle(self, condemned: Condemned) -> None:
        """Remove a replaced resource that was deleted."""
        with self._lock:
            self.condemned.remove(condemned)
            self._save()

    def finish(self, outputs: dict[str, Any], verified_against: str) -> None:
        """Keep the stack's outputs after a run that ended well."""
        with self._lock:
            self.outputs = outputs
            self.verified_against = verified_against
            self._save()

    def _load(self) -> None:
        try:
            content = cast("dict[str, Any]", json.loads(self._path.read_text("utf-8")))
            version = content["version"]
            if version != FORMAT_VERSION:
                raise ValueError(f"it has format {version}, and this release reads format {FORMAT_VERSION}")
            self.resources = {urn: Entry(**entry) for urn, entry in content["resources"].items()}
            self.condemned = [Condemned(item["urn"], Entry(**item["entry"])) for item in content["condemned"]]
            self.outputs = content["outputs"]
            self.verified_against = content["verified_against"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"the checkpoint {self._path} cannot be read: {error}. "
                "`./nova down --volumes` discards the local platform with its data"
            ) from error

    def _save(self) -> None:
        content = {
            "version": FORMAT_VERSION,
            "verified_against": self.verified_against,
            "outputs": self.outputs,
            "condemned": [{"urn": item.urn, "entry": _shallow(item.entry)} for item in self.condemned],
            "resources": {urn: _shallow(entry) for urn, entry in self.resources.items()},
        }
        write_private(self._path, json.dumps(content).encode())


def _shallow(entry: Entry) -> dict[str, Any]:
    """Return the fields of an entry; `dataclasses.asdict` would copy every nested value at each write."""
    return {item.name: getattr(entry, item.name) for item in fields(entry)}


def digest_of(inputs: dict[str, Any]) -> str:
    """Return a digest of JSON inputs which does not depend on the order of keys."""
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
