"""Compiled modules: made once for all images that have the source, and valid in each."""

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from local_cloud.applier.bytecode import compile_environment, forget_unused


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def environment(place: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (place / "lib" / name).mkdir(parents=True)
        (place / "lib" / name / "__init__.py").write_text(text)
    return place


def compiled(place: Path, name: str) -> Path:
    return place / "lib" / name / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.pyc"


def test_a_source_is_compiled_once_for_all_who_have_it(tmp_path: Path, store: Path) -> None:
    one = environment(tmp_path / "one", shared="WHERE = __file__", own="x = 1")
    two = environment(tmp_path / "two", shared="WHERE = __file__", other="x = 2")
    for place in (one, two):
        compile_environment(place, store)
    assert compiled(one, "shared").samefile(compiled(two, "shared"))
    assert not compiled(one, "own").samefile(compiled(two, "other"))
    assert len(list(store.iterdir())) == 3


def test_what_is_linked_is_loaded_and_names_the_file_that_it_stands_for(tmp_path: Path, store: Path) -> None:
    text = "def fail():\n    raise ValueError\n"
    one, two = (environment(tmp_path / name, module=text) for name in ("one", "two"))
    for place in (one, two):
        compile_environment(place, store)
    code = "import module, traceback\ntry: module.fail()\nexcept ValueError: traceback.print_exc()"
    shown = subprocess.run(
        [sys.executable, "-v", "-c", code],
        cwd="/",
        env={"PYTHONPATH": str(two / "lib")},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert f"code object from '{compiled(two, 'module')}'" in shown
    assert f'File "{two}/lib/module/__init__.py", line 2, in fail' in shown
    assert str(one) not in shown


def test_an_edited_source_is_compiled_again(tmp_path: Path, store: Path) -> None:
    place = environment(tmp_path / "one", module="x = 1")
    compile_environment(place, store)
    before = compiled(place, "module").read_bytes()
    (place / "lib" / "module" / "__init__.py").write_text("x = 2")
    compile_environment(place, store)
    assert compiled(place, "module").read_bytes() != before


def test_what_is_no_python_of_this_version_is_left_to_whoever_imports_it(tmp_path: Path, store: Path) -> None:
    place = environment(tmp_path / "one", template="{{ name }} = print 1", good="x = 1")
    compile_environment(place, store)
    assert compiled(place, "good").exists() and not compiled(place, "template").exists()


def test_what_no_environment_has_is_forgotten(tmp_path: Path, store: Path) -> None:
    place = environment(tmp_path / "one", kept="x = 1", dropped="x = 2")
    compile_environment(place, store)
    compiled(place, "dropped").unlink()
    forget_unused(store)
    assert [path.stat().st_ino for path in store.iterdir()] == [compiled(place, "kept").stat().st_ino]
    forget_unused(tmp_path / "nothing")


def test_what_another_environment_has_compiled_is_taken(tmp_path: Path, store: Path) -> None:
    known = environment(tmp_path / "known", same="x = 1", edited="x = 1", unlike="x = 1")
    for name in ("same", "edited", "unlike"):
        py_compile.compile(str(known / "lib" / name / "__init__.py"))
    marked = compiled(known, "same").read_bytes()[16:]
    # Compiled from what stood there before, and from another source.
    (known / "lib" / "edited" / "__init__.py").write_text("x = 123456")
    place = environment(tmp_path / "one", same="x = 1", edited="x = 123456", unlike="x = 2", own="x = 3")
    compile_environment(place, store, known)
    taken = compiled(place, "same").read_bytes()
    assert taken[16:] == marked and str(known).encode() in taken
    for name in ("edited", "unlike", "own"):
        assert str(place).encode() in compiled(place, name).read_bytes(), name
    code = "import same, edited, unlike; print(same.x, edited.x, unlike.x, same.__file__)"
    shown = subprocess.run(
        [sys.executable, "-v", "-c", code],
        cwd="/", env={"PYTHONPATH": str(place / "lib")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.split() == ["1", "123456", "2", str(place / "lib" / "same" / "__init__.py")]
    assert f"code object from '{compiled(place, 'same')}'" in shown.stderr
    assert not [left.name for left in store.iterdir() if left.name.startswith(".")]
