# /// script
# requires-python = ">=3.13,<3.14"
# dependencies = ["tomlkit==0.15.2"]
# ///
"""`make lock`: writes the lists of the workspace's packages that uv, import-linter and pyright need.

They follow from the folders that ``tool.uv.workspace`` names. The launcher runs this before there is an
environment, with what is named above and nothing else of this package.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import tomlkit

CHECKOUT = Path(__file__).parents[1]
PROJECT = "pyproject.toml"
TYPES = "pyright.workspace.json"

PREFIX = "nova_"
"""What packages of members are called, and nothing else of the checkout."""
ALONE = "local_cloud"
"""The member that agrees with none of the others on versions, and has an environment of its own."""
TOOLS = "nova-agent-tools"
GROUP = "packages"
APPLICATIONS = "Applications stand on the libraries and never on the engine or the tools"
LAYERS = "One application never imports another, and the libraries none"
TOOLLESS = "Tools are for those who talk with models"

_NAME = re.compile(r"[^\w.-]")
"""What ends the name of a requirement: extras, versions, markers (PEP 508)."""


class WorkspaceError(Exception):
    """The lists cannot be made; says what is wrong with the folders or with pyproject.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A package of the workspace."""

    folder: str
    """From the checkout, such as ``services/audio``."""
    name: str
    needs: tuple[str, ...]
    """What it says to depend on, as it says it."""

    @property
    def package(self) -> str:
        """What it is imported as."""
        return self.name.replace("-", "_")

    @property
    def kind(self) -> str:
        """Where it lies: ``libs``, ``services``, or its own folder for one that lies at the top."""
        return self.folder.partition("/")[0]

    def depends_on(self, name: str) -> bool:
        """Whether it says to depend on a package, with whatever extras and versions."""
        return any(_NAME.split(need, maxsplit=1)[0] == name for need in self.needs)


def members(root: Path) -> list[Member]:
    """Return the workspace's members by name; ``WorkspaceError`` for a folder that is no package."""
    workspace = tomlkit.parse(_text(root / PROJECT)).unwrap()["tool"]["uv"]["workspace"]
    excluded = {root / folder for folder in workspace.get("exclude", [])}
    folders = {path for pattern in workspace["members"] for path in root.glob(pattern) if path.is_dir()}
    # What git ignores remains of a folder that another branch has, and uv passes over it, too.
    found = [_member(root, path) for path in folders - excluded if (path / PROJECT).is_file()]
    return sorted(found, key=lambda member: member.name)


def written(root: Path) -> dict[str, str]:
    """Return the files with the lists, by name, as the folders have them; raises ``WorkspaceError``."""
    found = members(root)
    return {
        PROJECT: project(_text(root / PROJECT), found),
        TYPES: types(_text(root / TYPES), found),
    }


def project(text: str, found: Sequence[Member]) -> str:
    """Return a root pyproject.toml with the lists of members replaced; all else stays as it is."""
    document: Any = tomlkit.parse(text)
    together = [member for member in found if member.kind != ALONE]
    (alone,) = (member for member in found if member.kind == ALONE)
    services = [member for member in together if member.kind == "services"]
    applications = [member for member in together if member.kind in {"libs", "services"}]
    uv, linter = document["tool"]["uv"], document["tool"]["importlinter"]

    document["dependency-groups"][GROUP] = _list(f'"{member.name}"' for member in together)
    kept = [pair for pair in uv["conflicts"].unwrap() if pair[0]["package"] == document["project"]["name"]]
    pairs = [pair[0] for pair in kept] + [{"package": member.name} for member in together]
    uv["conflicts"] = _list(f"[{_table(one)}, {_table({'package': alone.name})}]" for one in pairs)
    uv["sources"] = _sources(uv["sources"].unwrap(), together)
    own = [name for name in linter["root_packages"] if not name.startswith(PREFIX)]
    linter["root_packages"] = _list(f'"{name}"' for name in (*own, *_packages(together)))
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    for name in (APPLICATIONS, LAYERS, TOOLLESS):
        if name not in contracts:
            raise WorkspaceError(f"{PROJECT} has no import contract {name!r}: name it so again")
    contracts[APPLICATIONS]["source_modules"] = _list(f'"{name}"' for name in _packages(applications))
    libraries = contracts[LAYERS]["layers"].unwrap()[1:]
    contracts[LAYERS]["layers"] = _list(f'"{name}"' for name in (" | ".join(_packages(services)), *libraries))
    toolless = [member for member in services if not member.depends_on(TOOLS)]
    contracts[TOOLLESS]["source_modules"] = _list(f'"{name}"' for name in _packages(toolless))
    return tomlkit.dumps(document)


def types(text: str, found: Sequence[Member]) -> str:
    """Return pyright's settings of the workspace with the folders of members replaced."""
    settings = json.loads(text)
    settings["extraPaths"] = sorted(f"{member.folder}/src" for member in found if member.kind != ALONE)
    return json.dumps(settings, indent=2) + "\n"


def main() -> None:
    """Write the lists of this checkout, and say which files changed."""
    try:
        files = written(CHECKOUT)
    except WorkspaceError as error:
        sys.exit(f"nova: {error}")
    for name, text in files.items():
        if text != _text(CHECKOUT / name):
            (CHECKOUT / name).write_text(text, encoding="utf-8")
            print(f"nova: wrote the lists of packages in {name}", file=sys.stderr)


def _member(root: Path, folder: Path) -> Member:
    where = folder.relative_to(root).as_posix()
    told = tomlkit.parse(_text(folder / PROJECT)).unwrap().get("project", {})
    name = str(told.get("name", ""))
    if not name.startswith(PREFIX.replace("_", "-")):
        raise WorkspaceError(f"{where}/{PROJECT}: project.name is {name!r}; it begins with nova-")
    return Member(folder=where, name=name, needs=tuple(map(str, told.get("dependencies", []))))


def _packages(found: Iterable[Member]) -> list[str]:
    return [member.package for member in found]


def _sources(given: Mapping[str, Any], found: Iterable[Member]) -> Any:  # noqa: ANN401 - an item of TOML
    others = {name: source for name, source in given.items() if "workspace" not in source}
    sources = others | {member.name: {"workspace": True} for member in found}
    return tomlkit.parse("".join(f"{name} = {_table(source)}\n" for name, source in sources.items()))


def _table(values: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items()) + " }"


def _list(items: Iterable[str]) -> Any:  # noqa: ANN401 - an item of TOML
    return cast("Any", tomlkit.parse("it = [\n" + "".join(f"    {item},\n" for item in items) + "]\n"))["it"]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
