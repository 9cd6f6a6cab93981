"""The services' Dockerfiles say what the platform relies on, and say it alike."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = {"agent_core": "nova_agent_core.runtime_app"}
"""What an image runs where nobody names a command, if it is not the API: AgentCore Runtime names none."""
OPTIONAL_LIBRARY = re.compile(r"libs/(?!common/|common$|common )")
"""A library that not every service stands on."""
SLICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
ALL_SLICES = sorted(path.parent.name for path in ROOT.glob("services/*/Dockerfile"))
"""With those that are not of Python."""


STARTS = {
    "mcp_server": [
        "# Lambda runs the entry point with the command behind it; a job of ECS names another command.",
        'ENTRYPOINT ["/usr/bin/env"]',
        'CMD ["python", "-m", "awslambdaric", "nova_mcp_server.function.handle"]',
    ]
}
"""What starts where it is no service that listens."""


def read(slice_name: str, suffix: str = "") -> str:
    return (ROOT / "services" / slice_name / f"Dockerfile{suffix}").read_text()


@pytest.mark.parametrize("slice_name", SLICES)
def test_the_final_stage_is_complete(slice_name: str) -> None:
    text = read(slice_name)
    package = tomllib.loads((ROOT / "services" / slice_name / "pyproject.toml").read_text())["project"][
        "name"
    ]
    build, final = text.split("\nFROM ${BASE}\n")
    assert not text.startswith("# syntax")
    assert "ARG BASE=public.ecr.aws/docker/library/python:3.13-slim-bookworm\n" in build
    assert (
        f"uv sync --frozen --package {package} --no-default-groups --no-editable --compile-bytecode" in build
    )
    usual = [
        "EXPOSE 8000",
        "HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 "
        'CMD ["python", "-m", "nova_common.healthcheck"]',
        f'CMD ["python", "-m", "{COMMANDS.get(slice_name, f"nova_{slice_name}.app")}"]',
    ]
    assert final.splitlines() == [
        f'LABEL nova.package="{package}"',
        "COPY --from=build /opt/nova /opt/nova",
        "# PYTHONSAFEPATH keeps the working directory off the import path; "
        "the root file system is read-only at run time.",
        "ENV PATH=/opt/nova/bin:/usr/local/bin:/usr/bin:/bin",
        "ENV PYTHONUNBUFFERED=1",
        "ENV PYTHONDONTWRITEBYTECODE=1",
        "ENV PYTHONSAFEPATH=1",
        "USER 10001:10001",
        *STARTS.get(slice_name, usual),
    ]


@pytest.mark.parametrize("slice_name", ALL_SLICES)
def test_the_context_holds_what_is_copied_and_nothing_else(slice_name: str) -> None:
    copied: set[str] = set()
    for line in read(slice_name).splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.removeprefix("COPY ").split()
            copied |= set(sources)
    assert all((ROOT / source).exists() for source in copied)
    first, *rules = [
        line for line in read(slice_name, ".dockerignore").splitlines() if not line.startswith("#")
    ]
    admitted = {line.removeprefix("!") for line in rules if line.startswith("!")}
    assert first == "*"
    assert all(any(path == source or path.startswith(f"{source}/") for path in admitted) for source in copied)
    assert all(any(path == source or path.startswith(f"{source}/") for source in copied) for path in admitted)
    assert f"services/{slice_name}/infra.py" not in admitted


def test_all_images_are_built_alike() -> None:
    def neutral(slice_name: str, suffix: str = "") -> list[str]:
        usual = f"nova_{slice_name}.app"
        text = read(slice_name, suffix).replace(COMMANDS.get(slice_name, usual), usual)
        # Folders and modules have underscores where packages have hyphens.
        for spelling in (slice_name, slice_name.replace("_", "-")):
            text = text.replace(spelling, "SLICE")
        # The first line names the service in words; a library of some stands in lines of its own.
        alike = text.partition("USER 10001")[0] if slice_name in STARTS else text
        return [line for line in alike.splitlines()[1:] if not OPTIONAL_LIBRARY.search(line)]

    for slice_name in SLICES[1:]:
        usual = neutral(SLICES[0])
        made = neutral(slice_name)
        assert made == usual[: len(made)]
        assert len(made) == len(usual) or slice_name in STARTS
        assert neutral(slice_name, ".dockerignore") == neutral(SLICES[0], ".dockerignore")


@pytest.mark.parametrize("slice_name", SLICES)
def test_an_image_is_built_from_the_libraries_that_its_package_names(slice_name: str) -> None:
    package = tomllib.loads((ROOT / "services" / slice_name / "pyproject.toml").read_text())
    named = {name.removeprefix("nova-").replace("-", "_") for name in package["tool"]["uv"]["sources"]}
    text = read(slice_name)
    assert set(re.findall(r"^COPY libs/(\w+) libs/\1$", text, re.MULTILINE)) == named
    assert set(re.findall(r"^COPY libs/(\w+)/pyproject.toml libs/\1/$", text, re.MULTILINE)) == named


def test_the_image_of_the_site_is_complete() -> None:
    build, final = read("frontend").split("\nFROM ${BASE}\n")
    assert "ARG BASE=public.ecr.aws/docker/library/node:24-bookworm-slim\n" in build
    assert "RUN npm ci --omit=dev" in build
    assert "rm -rf .next/standalone/node_modules/sharp .next/standalone/node_modules/@img" in build
    assert final.splitlines() == [
        'LABEL nova.npm="services/frontend"',
        "COPY --from=build /build/.next/standalone /opt/nova/app",
        "COPY --from=build /build/bin /opt/nova/bin",
        "ENV PATH=/opt/nova/bin:/usr/local/bin:/usr/bin:/bin",
        "ENV NODE_ENV=production",
        "ENV NEXT_TELEMETRY_DISABLED=1",
        "USER 10001:10001",
        "EXPOSE 8000",
        'HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["nova-frontend-health"]',
        'CMD ["nova-frontend"]',
    ]
