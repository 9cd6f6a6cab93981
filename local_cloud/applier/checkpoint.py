"""What is known of earlier runs: every resource by URN, written after each change.

The file holds inputs and outputs, because a later run compares with them; digests stand for secrets (see
`secrecy`). While a run is at work, each change is a line of a journal beside it: written whole each time, a
megabyte after each of a thousand changes took longer than all else. The end of a run, and the next one's
start, bring the file up to date and remove the journal. So a run killed at any moment leaves what is complete
up to its last change; a line that was cut off never happened. The mode of both is 0600.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from local_cloud.files import write_private

FORMAT_VERSION = 1
JOURNAL_SUFFIX = ".journal"


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
        self._journal = path.with_suffix(JOURNAL_SUFFIX)
        # The number of the last change: lines of a journal that the file already holds are known by it.
        self._sequence = 0
        self._lock = threading.Lock()
        self.resources: dict[str, Entry] = {}
        self.condemned: list[Condemned] = []
        self.outputs: dict[str, Any] = {}
        # When the daemon started that the resources were last seen in: another one may have lost something.
        self.verified_against = ""
        if path.exists():
            self._read(self._path, self._load)
        if self._journal.exists():
            self._read(self._journal, self._replay)
            self._save()

    def get(self, urn: str) -> Entry | None:
        """Return what is known of a resource."""
        with self._lock:
            return self.resources.get(urn)

    def put(self, urn: str, entry: Entry) -> None:
        """Record a resource."""
        with self._lock:
            self.resources[urn] = entry
            self._note({"put": urn, "entry": _shallow(entry)})

    def replace(self, urn: str, old: Entry, new: Entry) -> None:
        """Record the resource that takes the place of `old`, which is to be deleted at the end of the run."""
        with self._lock:
            self.condemned.append(Condemned(urn, old))
            self.resources[urn] = new
            self._note({"replace": urn, "old": _shallow(old), "new": _shallow(new)})

    def forget(self, urn: str) -> None:
        """Remove a resource that was deleted."""
        with self._lock:
            self.resources.pop(urn, None)
            self._note({"forget": urn})

    def settle(self, condemned: Condemned) -> None:
        """Remove a replaced resource that was deleted."""
        with self._lock:
            index = self.condemned.index(condemned)
            del self.condemned[index]
            self._note({"settle": index})

    def finish(self, outputs: dict[str, Any], verified_against: str) -> None:
        """Keep the stack's outputs after a run that ended well."""
        with self._lock:
            self.outputs = outputs
            self.verified_against = verified_against
            self._save()

    def _note(self, change: dict[str, Any]) -> None:
        """Write a change where it outlives this process."""
        self._sequence += 1
        line = json.dumps({"sequence": self._sequence, **change}) + "\n"
        descriptor = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as journal:
            journal.write(line.encode())

    def _read(self, path: Path, take: Callable[[str], None]) -> None:
        try:
            take(path.read_text("utf-8"))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"the checkpoint {path} cannot be read: {error}. "
                "`./nova down --volumes` discards the local platform with its data"
            ) from error

    def _load(self, text: str) -> None:
        content = cast("dict[str, Any]", json.loads(text))
        version = content["version"]
        if version != FORMAT_VERSION:
            raise ValueError(f"it has format {version}, and this release reads format {FORMAT_VERSION}")
        self.resources = {urn: Entry(**entry) for urn, entry in content["resources"].items()}
        self.condemned = [Condemned(item["urn"], Entry(**item["entry"])) for item in content["condemned"]]
        self.outputs = content["outputs"]
        self.verified_against = content["verified_against"]
        self._sequence = content.get("sequence", 0)

    def _replay(self, text: str) -> None:
        *lines, _cut_off = text.split("\n")
        for line in lines:
            change = cast("dict[str, Any]", json.loads(line))
            if change["sequence"] > self._sequence:
                self._sequence = change["sequence"]
                self._repeat(change)

    def _repeat(self, change: dict[str, Any]) -> None:
        match change:
            case {"put": urn, "entry": entry}:
                self.resources[urn] = Entry(**entry)
            case {"replace": urn, "old": old, "new": new}:
                self.condemned.append(Condemned(urn, Entry(**old)))
                self.resources[urn] = Entry(**new)
            case {"forget": urn}:
                self.resources.pop(urn, None)
            case {"settle": index}:
                del self.condemned[index]
            case _:
                raise ValueError(f"nothing is known of the change {sorted(change)}")

    def _save(self) -> None:
        content = {
            "version": FORMAT_VERSION,
            "sequence": self._sequence,
            "verified_against": self.verified_against,
            "outputs": self.outputs,
            "condemned": [{"urn": item.urn, "entry": _shallow(item.entry)} for item in self.condemned],
            "resources": {urn: _shallow(entry) for urn, entry in self.resources.items()},
        }
        write_private(self._path, json.dumps(content).encode())
        self._journal.unlink(missing_ok=True)


def _shallow(entry: Entry) -> dict[str, Any]:
    """Return the fields of an entry; `dataclasses.asdict` would copy every nested value at each write."""
    return {item.name: getattr(entry, item.name) for item in fields(entry)}


def digest_of(inputs: dict[str, Any]) -> str:
    """Return a digest of JSON inputs which does not depend on the order of keys."""
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
