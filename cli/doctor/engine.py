"""What deploying takes on this machine: the engine with its state, and what builds images."""

import shutil
import subprocess

from cli.doctor.finding import Broken, Check, Ok, Verdict, warning
from cli.errors import NovaError
from cli.target import named_engine
from pulumi_cli import engine as engines

TIMEOUT_S = 30
DOCKER_DOCS = "https://docs.docker.com/engine/install/"


def engine_checks(stack: str) -> tuple[Check, ...]:
    """Return the checks of what deploys ``stack``."""
    return (
        Check(name="pulumi", ask=_pulumi),
        Check(name="state", ask=lambda: _state(stack), needs=("pulumi",)),
        Check(name="docker", ask=_docker),
        Check(name="buildx", ask=_buildx, needs=("docker",)),
    )


def _pulumi() -> Verdict:
    if problem := engines.problem():
        found, _, fix = problem.partition(": ")
        return Broken(found, fix)
    return Ok(engines.version())


def _state(stack: str) -> Verdict:
    try:
        there = named_engine(stack).exists()
    except NovaError as error:
        words = str(error).splitlines()
        return Broken(
            f"the state cannot be read: {words[-1].strip()}",
            "`pulumi login <state_url>` with the account's bucket, which `./nova bootstrap` prints",
        )
    if there:
        return Ok(f"stack {stack} is known")
    return Broken(
        f"there is no stack {stack} in this state",
        f"`pulumi stack init {stack} --secrets-provider ...`, as `./nova bootstrap` prints it, or log in to "
        "the state that has it",
    )


def _docker() -> Verdict:
    if shutil.which("docker") is None:
        return Broken("docker is missing, which builds the images of a stack in AWS", f"see {DOCKER_DOCS}")
    status, said = _asked("docker", "version", "--format", "{{.Server.Version}}")
    if status:
        return Broken(f"the Docker daemon does not answer: {said}", "`sudo systemctl start docker`")
    return Ok(f"Docker {said}")


def _buildx() -> Verdict:
    status, said = _asked("docker", "buildx", "version")
    if status:
        return Broken(f"docker has no buildx: {said}", "install the package docker-buildx-plugin")
    status, platforms = _asked("docker", "buildx", "inspect")
    if "linux/arm64" not in platforms:
        return warning(
            "the builder makes no images for linux/arm64, on which services run: build on such a machine",
            "`docker run --privileged --rm tonistiigi/binfmt --install arm64`",
        )
    return Ok(said.splitlines()[0])


def _asked(*command: str) -> tuple[int, str]:
    """Run a command that looks only; return its status and what it said."""
    try:
        finished = subprocess.run(  # noqa: S603 (no shell)
            [shutil.which(command[0]) or command[0], *command[1:]],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {TIMEOUT_S} s"
    said = finished.stdout.strip() or finished.stderr.strip()
    return finished.returncode, said
