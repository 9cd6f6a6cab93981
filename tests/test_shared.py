"""What is made once a run: by one of those who ask at the same time, and again after a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import VARIABLE, computed_once, made_once, shared_folder
from tests.test_house import ROOT

ASK = """
import os, sys, time
from pathlib import Path
from tests.shared import computed_once

def slowly():
    time.sleep(0.3)
    with Path(sys.argv[1]).open("a") as calls:
        calls.write("x")
    return os.getpid()

print(computed_once("which process", slowly))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def test_processes_that_ask_at_the_same_time_get_what_one_of_them_made(folder: Path) -> None:
    command = [sys.executable, "-c", ASK, str(folder / "calls")]
    asking = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate()[0] for process in asking}
    assert len(answers) == 1
    assert int(answers.pop()) in {process.pid for process in asking}
    assert (folder / "calls").read_text() == "x"


@pytest.mark.usefixtures("folder")
def test_questions_are_told_apart_and_an_answer_is_an_object_of_its_own() -> None:
    assert computed_once("one", lambda: [1]) == [1]
    assert computed_once("two", lambda: [2]) == [2]
    again = computed_once("one", lambda: [3])
    assert again == [1]
    again.append(2)
    assert computed_once("one", lambda: [3]) == [1]


def test_what_fails_leaves_nothing_and_is_tried_again(folder: Path) -> None:
    def failing(target: Path) -> None:
        target.mkdir()
        (target / "half").touch()
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        made_once("thing", failing)
    assert not (folder / "thing").exists()
    assert list(made_once("thing", Path.mkdir).iterdir()) == []


def test_the_folder_of_a_run_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with shared_folder() as folder:
        assert os.environ[VARIABLE] == str(folder)
        made_once("thing", Path.touch)
    assert not folder.exists()
    assert VARIABLE not in os.environ
