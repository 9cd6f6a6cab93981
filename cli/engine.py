"""The engine as it runs for a person: with their account, and for the stack that they mean."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cli.errors import NovaError
from cli.tools import clean_environment
from pulumi_cli.engine import BACKEND, Engine

_PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""By which a shell opens the secrets of the stacks that a person works on."""
AGAIN = "What it did until then is kept: run the same command again to go on"


def engine_for(
    folder: Path,
    stack: str,
    *,
    backend: str,
    uv: str,
    passphrase: bool = False,
    variables: Mapping[str, str] | None = None,
) -> Engine:
    """Return the engine for a stack of the program in ``folder``; its failures are ``NovaError``.

    ``backend`` is what `pulumi login` takes, empty for the one that the person is logged in to; ``uv``
    prepares the program's environment, and the engine looks for it on PATH; ``passphrase`` says whether the
    shell's passphrase is this stack's; ``variables`` are further ones.
    """
    inherited = clean_environment(with_account=True)
    dropped = ("PULUMI_STACK", *(() if passphrase else _PASSPHRASES))
    kept = {key: value for key, value in inherited.items() if key not in dropped}
    path = os.pathsep.join((str(Path(shutil.which(uv) or uv).parent), kept.get("PATH", "")))
    environment = {
        **kept,
        "PATH": path,
        **({BACKEND: backend} if backend else {}),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **(variables or {}),
    }
    return Engine(folder=folder, stack=stack, error=NovaError, environment=environment, advice=AGAIN)
