"""The path of somebody new: docs/first-deployment.md to the letter, and the jobs of the workflows.

A clone with an environment of its own, the first preview, the first deployment, promotion, both ways back and
the end. GitHub, AWS and the stacks' sites answer on loopback, and the providers are the stand-in; the engine,
the program and all commands are the real ones.
"""

import json
import os
import re
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.loopback import GitHub, serving
from tests.docs.pages import blocks
from tests.engine.internet import (
    REGION,
    Internet,
    Registry,
    empty_buckets,
    empty_vaults,
    no_interfaces,
    nothing,
    site,
)
from tests.engine.running import ROOT, copy_of_the_checkout, engine, without_type_checks

PAGE = ROOT / "docs" / "first-deployment.md"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
RELEASES = "nova-releases"
DEV_HOST, PROD_HOST = "d111111abcdef8.cloudfront.net", "nova.example.com"
PULL_REQUEST = "7"
TIMEOUT_S = 3600
"""Each test here runs the engine a dozen times."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@dataclass
class Newcomer:
    """Somebody at a shell in a clone, whose repository has workflows too."""

    clone: Path
    variables: dict[str, str]
    proxy: dict[str, str]
    """Variables, too: of all commands but those that get packages."""
    registry: Registry
    refused: set[str]
    """Texts that AWS refuses wherever they stand in what a resource is told."""
    github: GitHub

    def clones(self, folder: str = "") -> None:
        """Clone, and get the packages that its environment consists of."""
        clone = copy_of_the_checkout(self.clone / folder, environment=False)
        without_type_checks(clone)
        run("./nova --print-uv", clone, self.variables)

    def runs(self, command: str, variables: Mapping[str, str] | None = None, *, refused: bool = False) -> str:
        """Run a command; returns all that it prints. It has to be refused where ``refused`` says so."""
        return run(
            command, self.clone, {**self.variables, **self.proxy, **(variables or {})}, refused=refused
        )

    def follows(self, heading: str) -> str:
        """Run the commands under a heading of the page, each block in the shell that the last one left."""
        found = [block for block in blocks(PAGE) if headings()[block.line] == heading]
        assert found, heading
        said = [self.runs(f'{block.text}\nprintf %s "$PATH" > "$SHELL_PATH"') for block in found]
        self.variables["PATH"] = Path(self.variables["SHELL_PATH"]).read_text(encoding="utf-8")
        return "".join(said)

    def job(
        self, workflow: str, job: str, values: Mapping[str, str] | None = None, *, refused: bool = False
    ) -> str:
        """Run all commands of a workflow's job, the last of which may have to be refused.

        ``values`` stand for what GitHub puts into the job's variables.
        """
        path = self.clone / ".github" / "workflows" / f"{workflow}.yml"
        steps: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"][job]["steps"]
        commands = [step["run"] for step in steps if "run" in step]
        said = [self.runs(command, values) for command in commands[:-1]]
        return "".join([*said, self.runs(commands[-1], values, refused=refused)])

    def images(self, stack: str) -> dict[str, str]:
        """The digests that the stack runs."""
        found = json.loads(self.runs(f"pulumi stack output images --json --stack {stack}"))
        return {name: image.rpartition("@")[2] for name, image in found.items()}

    def released(self, record: str = "images.json") -> dict[str, str]:
        """The digests of the record that a release leaves."""
        images = json.loads((self.clone / record).read_text(encoding="utf-8"))["images"]
        return {name: image.rpartition("@")[2] for name, image in images.items()}

    def runs_what_was_released(self, stack: str, record: str = "images.json") -> bool:
        """Whether the stack has the images of a record; the record has those of other stacks, too."""
        return self.images(stack).items() <= self.released(record).items()


def run(command: str, folder: Path, variables: Mapping[str, str], *, refused: bool = False) -> str:
    """Run a command in a shell; returns all that it prints."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is refused, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def headings() -> dict[int, str]:
    """The heading that each line of the page is under."""
    found, lines = "", dict[int, str]()
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), start=1):
        found = match[1] if (match := HEADING.fullmatch(line)) else found
        lines[number] = found
    return lines


@contextmanager
def newcomer(directory: Path) -> Generator[Newcomer]:
    """Clone, prepare the environment, and be connected to what answers here."""
    registry, refused, github = Registry("first"), set[str](), GitHub()
    hosts = {
        DEV_HOST: site,
        PROD_HOST: site,
        f"api.ecr.{REGION}.amazonaws.com": registry,
        f"ec2.{REGION}.amazonaws.com": no_interfaces,
        f"backup.{REGION}.amazonaws.com": empty_vaults,
        # The engine looks for plugins, which are attached, and goes on without an answer.
        **dict.fromkeys(("pulumi.com", "github.com"), nothing),
        **dict.fromkeys(("s3.amazonaws.com", f"s3.{REGION}.amazonaws.com"), empty_buckets),
    }
    internet = Internet(hosts=hosts)
    with (
        engine(directory, refused) as variables,
        internet.reached(directory) as proxy,
        serving(github) as address,
    ):
        person = Newcomer(
            clone=directory / "clone",
            proxy=proxy,
            variables=shell(directory)
            | {key: text for key, text in variables.items() if key != "UV_NO_INSTALL_LOCAL"}
            | {
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "only-for-this-test",
                "RELEASES": RELEASES,
                "GITHUB_API_URL": address,
                "GITHUB_REPOSITORY": "nova/nova",
                "GITHUB_TOKEN": github.token,
                "GITHUB_SHA": "0" * 40,
            },
            registry=registry,
            refused=refused,
            github=github,
        )
        person.clones()
        yield person
    assert internet.unknown == set()


def shell(directory: Path) -> dict[str, str]:
    """What a shell has anyway, and where it keeps what it learns."""
    kept = ("HOME", "LANG", "UV_CACHE_DIR")
    return {
        **{key: os.environ[key] for key in kept if key in os.environ},
        "PULUMI_HOME": str(directory / "pulumi"),
        "SHELL_PATH": str(directory / "path"),
    }


def test_the_page_is_followed_from_the_clone_to_the_end(tmp_path: Path) -> None:
    with newcomer(tmp_path) as person:
        person.variables["STATE_URL"] = person.variables.pop("PULUMI_BACKEND_URL")
        # A passphrase stands for the keys of the account.
        person.variables |= dict.fromkeys(("DEV_KEY", "PROD_KEY"), "passphrase")
        assert "USD" in person.follows("Look, without an account")
        person.follows("Prepare the account and the stacks, once")
        assert "to create" in person.follows("The first preview")
        person.follows("The first deployment")
        assert person.runs_what_was_released("dev")
        assert "Preview of stack `prod`" in person.follows("Promotion")
        assert person.runs_what_was_released("prod")
        person.registry.version = "second"
        person.follows("A change, and the way back")
        assert not person.released().items() & person.released("next.json").items()
        assert person.runs_what_was_released("dev")
        refused = person.runs("./nova destroy --stack prod --delete prod", refused=True)
        assert "protectStatefulResources" in refused
        assert person.follows("The end").count("is gone") == len(("dev", "prod"))
        assert json.loads(person.runs("pulumi stack ls --json")) == []
        assert all((person.clone / f"Pulumi.{stack}.yaml").is_file() for stack in ("dev", "prod"))


def test_what_the_workflows_run_gets_a_change_to_dev_and_back(tmp_path: Path) -> None:
    with newcomer(tmp_path) as person:
        person.variables["GITHUB_ACTIONS"] = "true"
        uv = Path(person.runs("./nova --print-uv").splitlines()[-1])
        person.variables["PATH"] = f"{uv.parent}:{person.variables['PATH']}"
        person.runs("pulumi stack init dev --secrets-provider passphrase --no-select")
        check_a_pull_request(person)
        person.job("deploy", "dev")
        first = person.images("dev")
        assert person.runs_what_was_released("dev")
        assert "0 resources of stack dev differ" in person.job(
            "drift", "drift", {"STACK": "dev", "RUN": "a-run"}
        )
        assert person.github.issues == {}
        person.registry.version = "broken"
        person.runs("scripts/delivery images release --stack dev --stack prod --out broken.json")
        person.refused.add(person.released("broken.json")["audio"])
        assert "Rolled back: the stack answers" in person.job("deploy", "dev", refused=True)
        assert person.images("dev") == first


def check_a_pull_request(person: Newcomer) -> None:
    """Its workflow says what would change, in one comment, and lets it through."""
    person.clones(".base")
    person.job("preview", "preview", {"POLICY": "success"})
    for _ in range(2):
        person.job("preview", "comment", {"NUMBER": PULL_REQUEST})
    (comment,) = person.github.comments.values()
    assert "Preview of stack `dev`" in comment["body"]
    assert "Policies: passed" in comment["body"]
    assert "nothing that holds data" in person.job("preview", "gate", {"LABELS": "[]"})
