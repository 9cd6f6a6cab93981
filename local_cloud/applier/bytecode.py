"""Compiles an environment's modules, each source once: what another environment has compiled is linked.

Run by the interpreter that the environment is for: `python bytecode.py ENVIRONMENT STORE KNOWN`. Images of
one home share most of their packages, so two thirds of the compiling, and of the files, are saved. A file of
the store is named after the digest of its source, and is valid without a look at that (PEP 552): the source
in an image never changes. What the environment KNOWN has compiled of the same source in the same place is
taken from there.
"""

import hashlib
import importlib.util
import os
import py_compile
import shutil
import struct
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

SUFFIX = ".pyc"
CHUNK = 32
"""Modules that a process takes at a time."""
HEADER = struct.Struct("<4sIII")
"""Of a compiled module: magic number, flags, and the source's time and size or its hash (PEP 552)."""
UNCHECKED_HASH = 1


def compile_environment(environment: Path, store: Path, known: Path | None = None) -> None:
    """Put a compiled module beside each source below the environment that compiles.

    `known` is another environment of the same interpreter, with modules compiled beside their sources.
    """
    store.mkdir(parents=True, exist_ok=True)
    sources: dict[str, list[Path]] = {}
    for source in environment.rglob("*.py"):
        if source.is_file():
            sources.setdefault(hashlib.sha256(source.read_bytes()).hexdigest(), []).append(source)
    missing = {digest: found[0] for digest, found in sources.items() if not _place(store, digest).exists()}
    if known is not None:
        twins = {digest: known / source.relative_to(environment) for digest, source in missing.items()}
        taken = {digest for digest, twin in twins.items() if _take(digest, twin, _place(store, digest))}
        missing = {digest: source for digest, source in missing.items() if digest not in taken}
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


def _take(digest: str, twin: Path, compiled: Path) -> bool:
    """Put what is compiled beside a source's twin into the store; False when it is not of that source."""
    try:
        source, described = twin.read_bytes(), twin.stat()
        module = Path(importlib.util.cache_from_source(twin)).read_bytes()
    except OSError:
        return False
    times = (int(described.st_mtime) & 0xFFFFFFFF, described.st_size & 0xFFFFFFFF)
    current = HEADER.pack(importlib.util.MAGIC_NUMBER, 0, *times)
    if hashlib.sha256(source).hexdigest() != digest or module[: HEADER.size] != current:
        return False
    start = struct.pack("<4sI", importlib.util.MAGIC_NUMBER, UNCHECKED_HASH)
    partial = compiled.with_name(f".{compiled.name}")
    partial.write_bytes(start + importlib.util.source_hash(source) + module[HEADER.size :])
    partial.replace(compiled)
    return True


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
    compile_environment(*map(Path, sys.argv[1:]))
