"""The lists of packages that are written from the folders."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cli import workspace
from cli.workspace import APPLICATIONS, LAYERS, TOOLLESS, Member, WorkspaceError
from tests.test_house import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TYPES = (ROOT / "pyright.workspace.json").read_text(encoding="utf-8")
GREETER = Member(folder="services/greeter", name="nova-greeter", needs=("nova-common[media]>=0.1",))


@pytest.fixture
def found() -> list[Member]:
    """The members of this checkout."""
    return workspace.members(ROOT)


def contracts(document: dict[str, Any]) -> dict[str, Any]:
    """The import contracts of a pyproject.toml, by name."""
    return {contract["name"]: contract for contract in document["tool"]["importlinter"]["contracts"]}


def changed(before: Any, after: Any, path: str = "") -> set[str]:  # noqa: ANN401 - values of TOML
    """The paths of values that differ between two documents."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return set() if before == after else {path}
    old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
    return {one for key in old | new for one in changed(old.get(key), new.get(key), f"{path}.{key}")}


def test_a_new_service_is_in_every_list(found: list[Member]) -> None:
    text = workspace.project(PROJECT, [*found, GREETER])
    document = tomllib.loads(text)
    assert "nova-greeter" in document["dependency-groups"]["packages"]
    assert [{"package": "nova-greeter"}, {"package": "nova-local-cloud"}] in document["tool"]["uv"][
        "conflicts"
    ]
    assert document["tool"]["uv"]["sources"]["nova-greeter"] == {"workspace": True}
    assert "nova_greeter" in document["tool"]["importlinter"]["root_packages"]
    held = contracts(document)
    assert "nova_greeter" in held[APPLICATIONS]["source_modules"]
    assert "nova_greeter" in held[LAYERS]["layers"][0].split(" | ")
    assert held[LAYERS]["layers"][1:] == ["nova_agent_tools", "nova_common"]
    assert "nova_greeter" in held[TOOLLESS]["source_modules"]
    assert "services/greeter/src" in json.loads(workspace.types(TYPES, [*found, GREETER]))["extraPaths"]


def test_who_depends_on_the_tools_may_import_them(found: list[Member]) -> None:
    talker = replace(GREETER, needs=("nova-common", "nova-agent-tools>=0.1 ; python_version > '3'"))
    held = contracts(tomllib.loads(workspace.project(PROJECT, [*found, talker])))
    assert "nova_greeter" not in held[TOOLLESS]["source_modules"]


def test_nothing_else_changes_and_what_is_gone_is_gone(found: list[Member]) -> None:
    added = workspace.project(PROJECT, [*found, GREETER])
    assert changed(tomllib.loads(PROJECT), tomllib.loads(added)) == {
        ".dependency-groups.packages",
        ".tool.uv.conflicts",
        ".tool.uv.sources.nova-greeter",
        ".tool.importlinter.root_packages",
        ".tool.importlinter.contracts",
    }
    comments = re.compile(r"(?:^|\s)#.*", re.MULTILINE)
    assert comments.findall(added) == comments.findall(PROJECT)
    assert workspace.project(added, found) == PROJECT


def test_sources_of_other_packages_stay(found: list[Member]) -> None:
    other = PROJECT.replace("[tool.uv.sources]\n", '[tool.uv.sources]\nelse = { path = "else" }\n')
    assert tomllib.loads(workspace.project(other, found))["tool"]["uv"]["sources"]["else"] == {"path": "else"}


def test_a_contract_that_was_renamed_is_named(found: list[Member]) -> None:
    with pytest.raises(WorkspaceError, match="no import contract 'Tools are for those"):
        workspace.project(PROJECT.replace(TOOLLESS, "Tools"), found)


def test_a_package_has_a_name_of_the_house(tmp_path: Path) -> None:
    folder = tmp_path / "services/greeter"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.uv.workspace]\nmembers = ['services/*']\n", encoding="utf-8"
    )
    (folder / "pyproject.toml").write_text("[project]\nname = 'greeter'\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"services/greeter/pyproject\.toml: project\.name is 'greeter'"):
        workspace.members(tmp_path)


def test_the_launcher_has_the_library_that_tests_have() -> None:
    """What the module says that it stands on is what the environment's lock says, too."""
    (needed,) = re.findall(
        r'^# dependencies = \["(.+)"\]$', (ROOT / "cli/workspace.py").read_text(), re.MULTILINE
    )
    assert needed in tomllib.loads(PROJECT)["dependency-groups"]["local"]
