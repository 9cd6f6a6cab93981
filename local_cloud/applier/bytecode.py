"""Compiles an environment's modules, each source once: what another environment has compiled is linked.

Run by the interpreter that the environment is for: `python bytecode.py ENVIRONMENT STORE`. Images of one
home share most of their packages, so two thirds of the compiling, and of the files, are saved. A file of
the store is named after the digest of its source, and is valid without a look at that (PEP 552): the source
in an image never changes.
"""

import hashlib
import importlib.util
import os
import py_compile
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

SUFFIX = ".pyc"
CHUNK = 32
"""Modules that a process takes at a time."""


def compile_environment(environment: Path, store: Path) -> None:
    """Put a compiled module beside each source below the environment that compiles."""
    store.mkdir(parents=True, exist_ok=True)
    sources: dict[str, list[Path]] = {}
    for source in environment.rglob("*.py"):
        if source.is_file():
            sources.setdefault(hashlib.sha256(source.read_bytes()).hexdigest(), []).append(source)
    missing = {digest: found[0] for digest, found in sources.items() if not _place(store, digest).exists()}
    with ProcessPoolExecutor() as pool:
        compiled = [_place(store, digest) for digest in missing]
        list(pool.map(_compile, missing.values(), compiled, chunksize=CHUNK))
    for digest, found in sources.items():
        _link(_place(store, digest), found)


def forget_unused(store: Path) -> None:
    """Remove what no environment has."""
    for compiled in store.glob(f"*{SUFFIX}"):
        if compiled.stat().st_nlink == 1:
            compiled.unlink()


def _place(store: Path, digest: str) -> Path:
    return store / f"{digest}{SUFFIX}"


def _compile(source: Path, compiled: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    # What cannot be compiled is a template, or for another version, and says so to whoever imports it.
    py_compile.compile(str(source), cfile=str(compiled), quiet=2, invalidation_mode=mode)


def _link(compiled: Path, sources: Iterable[Path]) -> None:
    if not compiled.exists():
        return
    for source in sources:
        target = Path(importlib.util.cache_from_source(source))
        target.parent.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(compiled, target)
        except OSError:  # a file system without links, or with too many of them
            shutil.copyfile(compiled, target)


if __name__ == "__main__":
    compile_environment(Path(sys.argv[1]), Path(sys.argv[2]))
