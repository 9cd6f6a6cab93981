"""Command line of the applier: one JSON object a line on standard output, exit code 0 or 1."""

import argparse
import gc
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .images import ImageStore
    from .report import Reporter

CHECKPOINT = "stack.json"
KEY = "stack.key"


@dataclass(frozen=True, slots=True)
class Daemon:
    """What daemon.json tells: whom to act as, and which run of the daemon answers."""

    access_key_id: str
    secret_access_key: str
    started_at: str


def main(argv: list[str] | None = None, stream: TextIO | None = None) -> int:
    """Apply the program in the current directory."""
    arguments = _parser().parse_args(argv)
    # Collections while modules load find nothing and take a third of the start-up; see `_apply`.
    gc.disable()
    from .report import Reporter  # noqa: PLC0415

    reporter = Reporter(stream or sys.stdout)
    try:
        _apply(arguments, reporter)
    except Exception as error:  # noqa: BLE001 (the last resort: whatever fails is reported as the last line)
        reporter.error(str(error) or type(error).__name__)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_cloud.applier", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="state directory of the local cloud")
    parser.add_argument("--endpoint", required=True, help="URL of the gateway")
    parser.add_argument("--stack", default="local", help="stack whose configuration is used")
    parser.add_argument(
        "--program", type=Path, default=Path(), help="directory of Pulumi.yaml and __main__.py"
    )
    parser.add_argument(
        "--discard-data",
        action="store_true",
        help="allow changes that lose data: tables, buckets, user pools",
    )
    return parser


def _apply(arguments: argparse.Namespace, reporter: "Reporter") -> None:
    # Imported here so that no collection runs while the SDK loads.
    from settings.project import project_schema, stack_config  # noqa: PLC0415

    from .addresses import localized, site_urls  # noqa: PLC0415
    from .checkpoint import Checkpoint  # noqa: PLC0415
    from .cloud import Cloud  # noqa: PLC0415
    from .engine import Engine  # noqa: PLC0415
    from .images import ImageStore, find_uv  # noqa: PLC0415
    from .invokes import all_invokes  # noqa: PLC0415
    from .kinds import all_kinds  # noqa: PLC0415
    from .monitor import EngineLog, Monitor  # noqa: PLC0415
    from .program import Program, evaluate  # noqa: PLC0415
    from .secrecy import Secrecy  # noqa: PLC0415

    home: Path = arguments.home.resolve()
    directory: Path = arguments.program.resolve()
    project = project_schema(directory).name
    config = stack_config(directory, arguments.stack)
    daemon = _daemon(home)
    region = config.get("aws:region") or config.get(f"{project}:region") or "us-east-1"
    cloud = Cloud(arguments.endpoint.rstrip("/"), region, daemon.access_key_id, daemon.secret_access_key)
    reporter.hide(daemon.secret_access_key)
    images = ImageStore(home / "images", directory, find_uv(), reporter.log)
    checkpoint, secrecy = Checkpoint(home / CHECKPOINT), Secrecy(home / KEY)
    engine = Engine(
        cloud=cloud,
        checkpoint=checkpoint,
        kinds=all_kinds(images, secrecy),
        reporter=reporter,
        secrecy=secrecy,
        # Another daemon process may have lost what was written just before the last one was killed.
        verify=checkpoint.verified_against != daemon.started_at,
        discard_data=arguments.discard_data,
    )
    monitor = Monitor(engine, all_invokes(cloud), reporter)
    program = Program(directory=directory, project=project, stack=arguments.stack, config=config)
    evaluate(program, monitor, EngineLog(reporter))
    # All modules are loaded: what lives now lives to the end, and collections may skip it.
    gc.freeze()
    gc.enable()
    engine.remove_absent()
    urls = site_urls(cloud.endpoint)
    shown = {
        key: "[secret]" if key in monitor.secret_outputs else localized(value, urls)
        for key, value in monitor.outputs.items()
    }
    checkpoint.finish(shown, daemon.started_at)
    _prune(images, checkpoint)
    reporter.done(shown, engine.recorded)


def _daemon(home: Path) -> Daemon:
    path = home / "daemon.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: the local cloud is not running, `./nova up` starts it"
        )
    content = cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
    administrator = content["admin"]
    return Daemon(
        administrator["access_key_id"], administrator["secret_access_key"], str(content["started_at"])
    )


def _prune(images: "ImageStore", checkpoint: "Checkpoint") -> None:
    from .kinds.docker import digest_of  # noqa: PLC0415

    entries = [*checkpoint.resources.values(), *(item.entry for item in checkpoint.condemned)]
    images.prune({digest_of(entry.outputs) for entry in entries} - {""})


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Tearing down the SDK's modules takes about a second and does nothing that matters any more.
    os._exit(code)
