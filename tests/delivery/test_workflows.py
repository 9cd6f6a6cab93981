"""What the workflows may do, and that all which they run is there and tested."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
GUIDE = ROOT / "docs/operations/delivery.md"

type Document = dict[str, Any]

PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
RIGHTS = {
    "check": {},
    "preview": {"preview": {"id-token"}, "comment": {"pull-requests"}},
    "deploy": {"dev": {"id-token"}, "prod-preview": {"id-token"}, "prod": {"id-token"}},
    "drift": {"drift": {"id-token", "issues"}},
}
"""What each job may write or ask for, beside reading the code."""
UNTRUSTED = re.compile(r"\$\{\{")
"""No expression stands in a command: GitHub puts its value into the text of the script."""


def workflow(path: Path) -> Document:
    # YAML reads the key `on` as true.
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path: Path) -> dict[str, Document]:
    return workflow(path)["jobs"]


def steps(path: Path) -> Iterator[tuple[str, Document]]:
    for name, job in jobs(path).items():
        for step in job["steps"]:
            yield name, step


def commands(path: Path) -> list[str]:
    return [step["run"] for _, step in steps(path) if "run" in step]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_is_a_workflow_for_each_task() -> None:
    assert {path.stem for path in FILES} == RIGHTS.keys()


def test_every_action_is_pinned_by_commit_and_says_its_version(file: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if PINNED.fullmatch(line) is None] == []


def test_an_action_is_the_same_version_everywhere() -> None:
    text = "".join(path.read_text() for path in FILES)
    versions = {line.partition("@")[::2] for line in re.findall(r"uses: (\S+ # \S+)", text)}
    assert len(versions) == len({name for name, _ in versions})


def test_nothing_runs_with_rights_for_code_of_others(file: Path) -> None:
    triggers: dict[str, Any] = workflow(file)[True]  # pyright: ignore[reportArgumentType]
    assert not triggers.keys() & {"pull_request_target", "workflow_run", "issue_comment"}


def test_rights_are_given_by_job_and_are_the_least(file: Path) -> None:
    assert workflow(file)["permissions"] == {}
    expected = RIGHTS[file.stem]
    for name, job in jobs(file).items():
        permissions: dict[str, str] = job["permissions"]
        assert permissions["contents"] == "read"
        written = {right for right, level in permissions.items() if level == "write"}
        assert written == expected.get(name, set()), name


def test_jobs_that_reach_the_account_are_in_an_environment_and_not_for_forks(file: Path) -> None:
    for name, job in jobs(file).items():
        if "id-token" not in job["permissions"]:
            assert "environment" not in job, name
            continue
        assert job["environment"]
        condition = job.get("if", jobs(file).get(job.get("needs", ""), {}).get("if", ""))
        if name == "prod":
            condition = jobs(file)["dev"]["if"]
        assert "vars.PULUMI_STATE_URL != ''" in condition, name
        if "pull_request" in workflow(file)[True]:  # pyright: ignore[reportArgumentType]
            assert "github.event.pull_request.head.repo.full_name == github.repository" in condition


def test_whoever_may_write_to_a_pull_request_runs_no_code_of_it() -> None:
    for name, step in steps(ROOT / ".github/workflows/preview.yml"):
        if name != "preview" and "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_no_checkout_leaves_a_token_behind(file: Path) -> None:
    for name, step in steps(file):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, name


def test_no_command_has_an_expression_in_it_and_each_is_one_line(file: Path) -> None:
    for command in commands(file):
        assert UNTRUSTED.search(command) is None, command
        assert "\n" not in command.strip(), command


def test_every_job_ends_in_time(file: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 120 for job in jobs(file).values())


def test_two_deployments_of_a_stack_never_overlap() -> None:
    for name, job in jobs(ROOT / ".github/workflows/deploy.yml").items():
        group = {"group": f"deploy-{name.partition('-')[0]}", "cancel-in-progress": False}
        assert job["concurrency"] == group


def test_production_takes_what_dev_has_recorded_after_people_have_seen_it() -> None:
    found = jobs(ROOT / ".github/workflows/deploy.yml")
    assert (found["prod-preview"]["needs"], found["prod"]["needs"]) == ("dev", "prod-preview")
    assert found["prod-preview"]["environment"] == found["prod"]["environment"] == "prod"
    ran = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in found.items()}
    assert "images release" in ran["dev"]
    assert "images release" not in ran["prod"] + ran["prod-preview"]
    assert "--images images.json --approved approved/preview.json" in ran["prod"]


def scripts() -> set[str]:
    """Programs of this repository that workflows start, modules of delivery as such."""
    found: set[str] = set()
    for command in (command for path in FILES for command in commands(path)):
        words = [word for word in command.split() if word != "sudo"]
        if words[0] == "scripts/delivery":
            found |= {"scripts/delivery", f"delivery/{words[1]}.py"}
        elif words[0] == "python3":
            found.add(words[2].replace(".", "/") + ".py")
        elif words[0] == "make":
            found.add("Makefile")
        else:
            found.add(words[0].removeprefix("./"))
    return found


def test_every_script_is_there_and_run_by_a_test() -> None:
    """Those of the repository's own checks run with each `make test`, as the Makefile has them."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert scripts() >= {"delivery/deploy.py", "scripts/compare-costs", "nova"}
    for script in scripts():
        assert (ROOT / script).is_file(), script
        if script.startswith("delivery/"):
            assert f"{Path(script).stem}.main([" in tests, script
        else:
            assert script in makefile or f'ROOT / "{script}"' in tests, script


def test_every_goal_of_make_is_there() -> None:
    goals = {
        command.split()[1] for path in FILES for command in commands(path) if command.startswith("make ")
    }
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert goals
    assert [goal for goal in goals if f"\n{goal}:" not in makefile] == []


def test_versions_are_those_of_the_repository() -> None:
    text = "".join(path.read_text() for path in FILES)
    (uv,) = re.findall(r"^UV_VERSION=(\S+)$", (ROOT / "nova").read_text(), re.MULTILINE)
    assert set(re.findall(r"version: (\d+\.\d+\.\d+)$", text, re.MULTILINE)) == {uv}
    (sdk,) = re.findall(r'"pulumi==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert (ROOT / ".pulumi.version").read_text().strip() == sdk


def test_the_guide_names_every_variable_that_is_read() -> None:
    text = "".join(path.read_text() for path in FILES)
    read = set(re.findall(r"vars\.(\w+)", text))
    assert not re.findall(r"secrets\.\w+", text)
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)) == read


def test_the_guide_names_the_environments_and_the_label() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    named = {str(job["environment"]) for path in FILES for job in jobs(path).values() if "environment" in job}
    for environment in named - {"${{ matrix.stack }}"}:
        assert f"`{environment}`" in guide
    assert "`replace-stateful`" in guide


def test_dependencies_are_looked_after_wherever_there_are_some() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"uv", "npm", "docker", "github-actions"}
    for update in updates:
        assert update["groups"]
        for folder in update.get("directories", [update.get("directory")]):
            assert list(ROOT.glob(str(folder).strip("/") or "*")), folder


def test_zizmor_finds_no_opening() -> None:
    program = ROOT / ".venv/bin/zizmor"
    finished = subprocess.run(
        [program, "--offline", "--no-progress", ".github"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


class TestScripts:
    def test_delivery_runs_a_command_in_the_checkouts_environment(self) -> None:
        shown = subprocess.run(
            [ROOT / "scripts/delivery", "gate", "--help"], cwd="/", capture_output=True, text=True, check=True
        )
        assert "--preview" in shown.stdout

    @pytest.mark.parametrize("before", ["exit 0", "exit 1"])
    def test_compare_costs_prices_both_programs(self, tmp_path: Path, before: str) -> None:
        (tmp_path / "scripts").mkdir()
        (tmp_path / ".base").mkdir()
        script = tmp_path / "scripts/compare-costs"
        script.write_bytes((ROOT / "scripts/compare-costs").read_bytes())
        for place, ending in ((tmp_path, "exit 0"), (tmp_path / ".base", before)):
            nova = place / "nova"
            nova.write_text(f'#!/bin/sh\necho "$@"\n{ending}\n')
            nova.chmod(0o755)
        subprocess.run(["sh", script, "dev", "eu-west-1"], check=True)
        asked = "cost --stack dev --region eu-west-1 --json\n"
        assert (tmp_path / "cost-after.json").read_text() == asked
        assert (tmp_path / "cost-before.json").read_text() == (asked if before == "exit 0" else "")

    @pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--all"], 1)])
    def test_check_workflows_says_when_it_lacks_go(
        self, tmp_path: Path, arguments: list[str], code: int
    ) -> None:
        (tmp_path / "scripts").mkdir()
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / "scripts/check-workflows").write_text((ROOT / "scripts/check-workflows").read_text())
        zizmor = tmp_path / ".venv/bin/zizmor"
        zizmor.write_text("#!/bin/sh\n")
        zizmor.chmod(0o755)
        finished = subprocess.run(
            ["/bin/sh", tmp_path / "scripts/check-workflows", *arguments],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == code
        assert "actionlint was not run: it needs Go" in finished.stderr
