"""The environment of the local cloud: what this program's own one has compiled is not compiled again."""

import os
import py_compile
from importlib.util import cache_from_source
from pathlib import Path

from cli.tools import take_compiled


def module(environment: Path, name: str, text: str) -> Path:
    source = environment / "lib" / "python" / f"{name}.py"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    return source


def test_the_same_source_is_compiled_once(tmp_path: Path) -> None:
    known, made = tmp_path / "known", tmp_path / "made"
    made.joinpath("lib", "python").mkdir(parents=True)
    shared, bare = module(known, "shared", "x = 1"), module(known, "bare", "x = 1")
    module(known, "alike", "x = 1")
    for name in ("shared", "alike"):
        py_compile.compile(str(known / "lib" / "python" / f"{name}.py"))
    for source in (shared, bare):
        os.link(source, made / source.relative_to(known))
    module(made, "alike", "x = 1")
    module(made, "own", "x = 1")
    for _again in range(2):
        take_compiled(made, known)
    compiled = [path.name for path in made.rglob("*.pyc")]
    assert compiled == [Path(cache_from_source(shared)).name]
    assert Path(cache_from_source(made / "lib" / "python" / "shared.py")).samefile(cache_from_source(shared))
