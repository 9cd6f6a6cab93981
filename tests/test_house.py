"""The rules of the house that no linter knows: where things live, and what may not be written down."""

import re
import subprocess
from pathlib import Path

import pytest
from nova_common.contracts.registry import AGGREGATES

from cli import workspace
from tests.slices import FOLDERS, holds_nothing

ROOT = Path(__file__).parent.parent
KINDS = {kind.name: kind.source for kind in AGGREGATES}

# Absolute paths of somebody's machine; a home folder inside an image belongs to the user nova.
MACHINE_PATH = re.compile(r"(?<![\w.$}>/])/(?:root|Users|work|home/(?!nova\b))/[\w.-]+")


def tracked_files() -> list[Path]:
    """Every file under version control."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_files() -> list[Path]:
    """The tracked files that people read: neither locks nor recordings nor pictures."""
    binary_or_generated = {".lock", ".mp4", ".wav", ".png", ".jpg"}
    return [
        path for path in tracked_files() if path.suffix not in binary_or_generated and path != Path(__file__)
    ]


@pytest.mark.parametrize("slice_folder", FOLDERS, ids=lambda path: path.name)
def test_every_slice_has_the_same_rooms(slice_folder: Path) -> None:
    package = f"nova_{slice_folder.name}"
    expected = [
        "infra.py",
        "pyproject.toml",
        "Dockerfile",
        "Dockerfile.dockerignore",
        f"src/{package}/app.py",
        f"src/{package}/domain.py",
        f"src/{package}/settings.py",
        f"src/{package}/py.typed",
    ]
    if f'"{package}.worker"' in (slice_folder / "infra.py").read_text():
        expected.append(f"src/{package}/worker.py")
    assert [name for name in expected if not (slice_folder / name).is_file()] == []


@pytest.mark.parametrize("slice_folder", FOLDERS, ids=lambda path: path.name)
def test_every_slice_takes_part_in_erasing_people(slice_folder: Path) -> None:
    """Whoever holds nothing about anybody says so in its slice.toml: `holds-nothing`, with the reason."""
    package, name = f"nova_{slice_folder.name}", slice_folder.name
    job = slice_folder / "src" / package / "erase.py"
    infra = (slice_folder / "infra.py").read_text()
    takes_part = job.is_file() and "erasure_job(" in infra and f'"{package}.erase"' in infra
    assert takes_part != bool(holds_nothing(slice_folder)), (
        f"{name} needs {job.relative_to(ROOT)} and an erasure_job"
    )
    if takes_part:
        assert "self.jobs = " in infra, f"{name} does not hand its jobs over"
        assert "erasure.main(" in job.read_text()


def test_lists_of_packages_are_what_the_folders_say() -> None:
    for name, text in workspace.written(ROOT).items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name}: run `make lock`"


def test_every_application_stands_on_the_library() -> None:
    """Contracts of imports that forbid `nova_common` forbid the applications by this."""
    slices = [member for member in workspace.members(ROOT) if member.kind == "services"]
    assert [member.folder for member in slices] == [f"services/{folder.name}" for folder in FOLDERS]
    assert [member.name for member in slices if not member.depends_on("nova-common")] == []


def test_every_kind_of_aggregate_is_erased_by_the_slice_that_owns_it() -> None:
    erasures = {folder.name: folder / "src" / f"nova_{folder.name}" / "erase.py" for folder in FOLDERS}
    for kind, owner in KINDS.items():
        slice_name = owner.removeprefix("nova.").replace("-", "_")
        if holds_nothing(ROOT / "services" / slice_name):
            continue
        constant = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).upper()
        assert re.search(rf"\b{constant}\b", erasures[slice_name].read_text()), (
            f"{owner} begins aggregates of the kind {kind}, which its erase.py does not remove"
        )


def test_no_file_names_somebodys_machine() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert offenders == []


def test_every_decision_is_listed_in_its_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [name for name in records if name not in index] == []


def test_ci_runs_the_command_that_the_readme_shows() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make up" in readme
    assert "make test" in readme


def test_the_readme_example_names_a_recording_that_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    samples = re.findall(r"\./nova demo (samples/\S+)", readme)
    assert samples
    assert all((ROOT / sample).is_file() for sample in samples)
