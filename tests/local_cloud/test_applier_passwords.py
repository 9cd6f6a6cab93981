"""Generated passwords: as declared, found again by the same key alone, and different for each resource."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.applier.cloud import Cloud
from local_cloud.applier.kinds.random import SPECIAL, RandomPassword, password
from local_cloud.applier.model import Resource
from local_cloud.applier.secrecy import MARK, Secrecy, is_masked

CLASSES = {
    "lower": ("minLower", string.ascii_lowercase),
    "upper": ("minUpper", string.ascii_uppercase),
    "numeric": ("minNumeric", string.digits),
    "special": ("minSpecial", SPECIAL),
}


@pytest.fixture(scope="module")
def secrecy(tmp_path_factory: pytest.TempPathFactory) -> Secrecy:
    return Secrecy(tmp_path_factory.mktemp("key") / "stack.key")


@given(
    wanted=st.dictionaries(st.sampled_from(sorted(CLASSES)), st.booleans()),
    least=st.dictionaries(st.sampled_from(sorted(CLASSES)), st.integers(0, 8)),
    length=st.integers(1, 128),
    purpose=st.text(),
)
def test_a_password_is_as_declared(
    secrecy: Secrecy, wanted: dict[str, bool], least: dict[str, int], length: int, purpose: str
) -> None:
    inputs: dict[str, Any] = {"length": float(length), **wanted}
    inputs |= {CLASSES[name][0]: float(count) for name, count in least.items()}
    used = [name for name in CLASSES if wanted.get(name, True)]
    if not used or sum(least.get(name, 0) for name in used) > length:
        with pytest.raises(ValueError, match="a password needs"):
            password(inputs, secrecy.stream(purpose))
        return
    made = password(inputs, secrecy.stream(purpose))
    assert made == password(inputs, secrecy.stream(purpose))
    assert len(made) == length
    assert set(made) <= {character for name in used for character in CLASSES[name][1]}
    for name in used:
        assert sum(character in CLASSES[name][1] for character in made) >= least.get(name, 0)


def test_characters_are_equally_likely(secrecy: Secrecy) -> None:
    count = 62 * 1000
    made = password({"length": count, "special": False}, secrecy.stream("many"))
    shares = [made.count(character) for character in string.ascii_letters + string.digits]
    assert sum(shares) == count
    # 1000 of each are expected, with a standard deviation of 31.
    assert 800 < min(shares) <= max(shares) < 1200


@pytest.fixture
def resource() -> Callable[..., Resource]:
    def make(**more: Any) -> Resource:  # noqa: ANN401 (fields)
        cloud = Cloud("http://127.0.0.1:1", "us-east-1", "key", "secret")
        return Resource(
            type="random:index/randomPassword:RandomPassword", name="a", urn="urn:a", physical="a",
            inputs={"length": 40.0}, cloud=cloud, **more,
        )  # fmt: skip

    return make


def test_a_password_is_found_again_by_its_key_alone(
    tmp_path: Path, resource: Callable[..., Resource]
) -> None:
    kind = RandomPassword(Secrecy(tmp_path / "key"))
    made, other = kind.create(resource()), kind.create(resource())
    assert made.outputs["result"] != other.outputs["result"]
    again = RandomPassword(Secrecy(tmp_path / "key")).find(resource(id=made.id))
    assert again == made
    stranger = RandomPassword(Secrecy(tmp_path / "other")).find(resource(id=made.id))
    assert stranger is not None
    assert stranger.outputs["result"] != made.outputs["result"]
    assert kind.find(resource()) is None
    assert kind.needs_replacement({"keepers"}) == {"keepers"}


def test_digests_tell_changes_and_nothing_else(tmp_path: Path) -> None:
    first, other = Secrecy(tmp_path / "first"), Secrecy(tmp_path / "other")
    masked = first.masked({"token": "word", "copy": "word", "plain": "word"}, {"token", "copy"})
    assert masked["plain"] == "word"
    assert masked["token"] == first.masked({"token": "word"}, {"token"})["token"]
    assert masked["token"] != masked["copy"]  # equal secrets do not show
    assert masked["token"] != other.masked({"token": "word"}, {"token"})["token"]
    assert first.masked(masked, {"token", "copy"}) == masked
    assert [is_masked(value) for value in ({MARK: "0"}, {MARK: "0", "a": 1}, {}, "word")] == [
        True, False, False, False,
    ]  # fmt: skip
