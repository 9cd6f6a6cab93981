"""What the engine decides for a resource: keep, create, resume, update, replace, delete, refuse."""

import io
import json
from collections.abc import Set
from pathlib import Path
from typing import Any, cast

import pytest

from local_cloud.applier.checkpoint import Checkpoint
from local_cloud.applier.cloud import Cloud
from local_cloud.applier.engine import ApplyError, Engine, Registration, physical_name
from local_cloud.applier.model import NameRule, Resource, State
from local_cloud.applier.report import Reporter
from local_cloud.applier.secrecy import Secrecy


class Shelf:
    """A kind whose resources are entries of a dictionary."""

    name = NameRule(property="name", length_max=30)
    delete_first = False
    taggable = True
    findable = True
    volatile = frozenset({"password"})

    def __init__(self, keeps: str | None = None) -> None:
        self.keeps = keeps
        self.things: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.fail_after_creation = False

    def create(self, resource: Resource) -> State:
        self.calls.append(("create", resource.name))
        self.things[resource.physical] = dict(resource.inputs)
        if self.fail_after_creation:
            raise RuntimeError("killed")
        return State(resource.physical, {"arn": f"arn:{resource.physical}"})

    def find(self, resource: Resource) -> State | None:
        found = resource.physical in self.things
        return State(resource.physical, {"arn": f"arn:{resource.physical}"}) if found else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        return changed & {"colour"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        self.calls.append(("update", ",".join(sorted(changed))))
        self.things[resource.physical] = dict(resource.inputs)
        return State(resource.id, resource.outputs)

    def delete(self, resource: Resource) -> None:
        self.calls.append(("delete", resource.name))
        del self.things[resource.physical]


class World:
    """One home, and a fresh engine for each run."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "stack.json"
        self.shelf = Shelf()
        self.vault = Shelf(keeps="all its coins")
        self.lines = io.StringIO()

    def engine(self, **options: bool) -> Engine:
        return Engine(
            cloud=Cloud("http://127.0.0.1:1", "us-east-1", "key", "secret"),
            checkpoint=Checkpoint(self.path),
            kinds={"test:shelf": self.shelf, "test:vault": self.vault},
            reporter=Reporter(self.lines),
            secrecy=Secrecy(self.path.with_name("stack.key")),
            **options,
        )

    def operations(self) -> list[str]:
        events = [json.loads(line) for line in self.lines.getvalue().splitlines()]
        self.lines.truncate(0)
        self.lines.seek(0)
        return [f"{event['op']} {event['name']}" for event in events if event["event"] == "resource"]


def registration(name: str, kind: str = "test:shelf", /, *depends: str, **inputs: object) -> Registration:
    return Registration(
        urn=f"urn:{name}",
        type=kind,
        name=name,
        inputs=inputs,
        dependencies=[f"urn:{item}" for item in depends],
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_second_run_keeps_what_is_equal(world: World) -> None:
    first = world.engine().register(registration("a", size=1))
    second = world.engine().register(registration("a", size=1))
    assert first == second
    assert world.operations() == ["create a", "same a"]
    assert world.shelf.calls == [("create", "a")]


def test_names_carry_a_random_suffix_and_stay(world: World) -> None:
    state = world.engine().register(registration("a-long-name-that-has-to-be-cut-somewhere"))
    assert state.outputs["name"] == state.id
    assert len(state.id) == 30
    again = world.engine().register(registration("a-long-name-that-has-to-be-cut-somewhere", size=2))
    assert again.id == state.id


def test_a_change_is_made_in_place_where_the_kind_can(world: World) -> None:
    world.engine().register(registration("a", size=1, label="x"))
    world.engine().register(registration("a", size=2, label="x"))
    assert world.operations() == ["create a", "update a"]
    assert world.shelf.calls[-1] == ("update", "size")


def test_a_replacement_is_created_before_the_old_one_is_deleted(world: World) -> None:
    old = world.engine().register(registration("a", colour="red"))
    engine = world.engine()
    new = engine.register(registration("a", colour="blue"))
    assert set(world.shelf.things) == {old.id, new.id}
    engine.remove_absent()
    assert set(world.shelf.things) == {new.id}
    assert world.operations() == ["create a", "replace a", "delete a"]


def test_an_explicit_name_is_freed_before_it_is_used_again(world: World) -> None:
    world.engine().register(registration("a", name="fixed", colour="red"))
    world.engine().register(registration("a", name="fixed", colour="blue"))
    assert [call for call, _ in world.shelf.calls] == ["create", "delete", "create"]


def test_what_left_the_program_is_deleted_dependents_first(world: World) -> None:
    engine = world.engine()
    for name, depends in (("a", ()), ("b", ("a",)), ("c", ("b",)), ("d", ("a",))):
        engine.register(registration(name, "test:shelf", *depends))
    engine = world.engine()
    engine.register(registration("a"))
    engine.remove_absent()
    deleted = [name for call, name in world.shelf.calls if call == "delete"]
    assert set(deleted) == {"b", "c", "d"}
    assert deleted.index("c") < deleted.index("b")
    assert set(Checkpoint(world.path).resources) == {"urn:a"}


def test_a_killed_run_takes_over_what_it_had_created(world: World) -> None:
    world.shelf.fail_after_creation = True
    with pytest.raises(RuntimeError, match="killed"):
        world.engine().register(registration("a", size=1))
    world.shelf.fail_after_creation = False
    world.engine().register(registration("a", size=1))
    assert len(world.shelf.things) == 1
    assert [call for call, _ in world.shelf.calls] == ["create", "update"]


def test_a_resource_that_another_daemon_lost_is_made_again(world: World) -> None:
    state = world.engine().register(registration("a"))
    world.shelf.things.clear()
    assert world.engine().register(registration("a")) == state  # nothing says that it is gone
    assert world.shelf.things == {}
    assert world.engine(verify=True).register(registration("a")) == state
    assert set(world.shelf.things) == {state.id}


def test_a_resource_with_data_is_never_replaced_silently(world: World) -> None:
    world.engine().register(registration("a", "test:vault", colour="red"))
    with pytest.raises(ApplyError, match=r"change of colour .* lose all its coins.*--discard-data"):
        world.engine().register(registration("a", "test:vault", colour="blue"))
    assert len(world.vault.things) == 1
    world.engine(discard_data=True).register(registration("a", "test:vault", colour="blue"))


def test_a_resource_with_data_is_never_removed_silently(world: World) -> None:
    engine = world.engine()
    engine.register(registration("a", "test:vault"))
    engine.register(registration("b"))
    with pytest.raises(ApplyError, match=r"no longer declares test:vault 'a' with all its coins"):
        world.engine().remove_absent()
    assert world.vault.things
    assert world.shelf.things
    world.engine(discard_data=True).remove_absent()
    assert not world.vault.things


def test_a_kind_without_engine_is_recorded(world: World) -> None:
    engine = world.engine()
    state = engine.register(registration("alarm", "aws:cloudwatch/metricAlarm:MetricAlarm", threshold=1))
    assert state.outputs["arn"].startswith("arn:aws:cloudwatch:us-east-1:123456789012:alarm-")
    assert engine.recorded == ["aws:cloudwatch/metricAlarm:MetricAlarm"]
    assert (
        world.engine().register(registration("alarm", "aws:cloudwatch/metricAlarm:MetricAlarm", threshold=1))
        == state
    )
    world.engine().remove_absent()
    assert world.operations() == ["record alarm", "same alarm", "delete alarm"]


def test_changes_that_are_to_be_ignored_are(world: World) -> None:
    world.engine().register(registration("a", count=1, password="old"))
    kept = Registration(
        urn="urn:a",
        type="test:shelf",
        name="a",
        inputs={"count": 5, "password": "new"},
        ignore_changes=frozenset({"count"}),
    )
    world.engine().register(kept)
    assert world.operations() == ["create a", "same a"]


def test_the_providers_tags_are_added(world: World) -> None:
    tagged = Registration(
        urn="urn:a",
        type="test:shelf",
        name="a",
        inputs={"tags": {"own": "1"}},
        default_tags={"owner": "me", "own": "0"},
    )
    state = world.engine().register(tagged)
    assert world.shelf.things[state.id]["tags"] == {"owner": "me", "own": "1"}


def test_one_urn_is_registered_once(world: World) -> None:
    engine = world.engine()
    engine.register(registration("a"))
    with pytest.raises(ApplyError, match="two resources have the URN urn:a"):
        engine.register(registration("a"))


def test_the_checkpoint_is_private_and_says_when_it_cannot_be_read(world: World) -> None:
    world.engine().register(registration("a", password="hush"))
    for path in (world.path.with_suffix(".journal"), world.path):
        assert path.stat().st_mode & 0o777 == 0o600
        complete = path.read_text()
        path.write_text("{\n")
        with pytest.raises(ValueError, match="cannot be read"):
            world.engine()
        path.write_text(complete)
        world.engine()


def test_the_checkpoint_is_complete_up_to_the_change_at_which_a_run_was_killed(world: World) -> None:
    engine = world.engine()
    for name in ("a", "b", "c"):
        engine.register(registration(name, colour="red"))
    Checkpoint(world.path).finish({"url": "x"}, "today")
    engine = world.engine()
    engine.register(registration("a", colour="blue"))
    engine.register(registration("b", colour="red", size=2))
    journal = world.path.with_suffix(".journal")
    replaced = journal.read_text()
    engine.remove_absent()
    removed = journal.read_text()
    assert removed.startswith(replaced)
    world.path.with_name("ended.json").write_bytes(world.path.read_bytes())

    def after(text: str) -> Checkpoint:
        world.path.write_bytes(world.path.with_name("ended.json").read_bytes())
        journal.write_text(text)
        return Checkpoint(world.path)

    read = after(replaced)
    assert [item.urn for item in read.condemned] == ["urn:a"] and not journal.exists()
    assert read.resources["urn:a"].inputs["colour"] == "blue" and read.resources["urn:b"].inputs["size"] == 2
    # What was cut off never happened, what the file holds happens no second time.
    assert after(replaced + '{"sequence": 99, "forg').resources.keys() == read.resources.keys()
    journal.write_text(replaced)
    assert len(Checkpoint(world.path).condemned) == 1
    whole = after(removed)
    assert whole.condemned == [] and set(whole.resources) == {"urn:a", "urn:b"}
    assert (whole.outputs, whole.verified_against) == ({"url": "x"}, "today")


def test_a_secret_is_compared_and_never_kept(world: World) -> None:
    def secret(value: object, **more: object) -> Registration:
        return Registration(
            urn="urn:a", type="test:shelf", name="a", inputs={"token": value, **more},
            secret_inputs=frozenset({"token"}), secret_outputs=frozenset({"arn"}),
        )  # fmt: skip

    made = world.engine().register(secret("first-secret", size=1))
    assert world.shelf.things[made.id]["token"] == "first-secret"
    assert world.engine().register(secret("first-secret", size=1)) == made  # the cloud tells its own again
    world.engine().register(secret("first-secret", size=2))
    world.engine().register(secret(["second-secret"], size=2))
    assert world.shelf.things[made.id]["token"] == ["second-secret"]
    assert world.operations() == ["create a", "same a", "update a", "update a"]
    assert [call for call in world.shelf.calls if call[0] == "update"] == [
        ("update", "size"),
        ("update", "token"),
    ]
    kept = world.path.read_text() + world.path.with_suffix(".journal").read_text()
    assert "-secret" not in kept.replace("nova:secret", "")
    assert made.outputs["arn"] not in kept
    assert world.path.with_name("stack.key").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_the_cloud_lost_is_made_again(world: World) -> None:
    token = Registration(
        urn="urn:a", type="test:shelf", name="a", inputs={}, secret_outputs=frozenset({"arn"})
    )
    made = world.engine().register(token)
    world.shelf.things.clear()
    assert world.engine().register(token) == made
    assert set(world.shelf.things) == {made.id}


def test_a_secret_whose_changes_are_ignored_stays(world: World) -> None:
    def token(value: str, size: int) -> Registration:
        return Registration(
            urn="urn:a", type="test:shelf", name="a", inputs={"token": value, "size": size},
            secret_inputs=frozenset({"token"}), ignore_changes=frozenset({"token"}),
        )  # fmt: skip

    world.engine().register(token("before", 1))
    world.engine().register(token("after", 1))
    world.engine().register(token("after", 2))
    world.engine().register(token("after", 2))
    assert world.operations() == ["create a", "same a", "update a", "same a"]
    assert world.shelf.calls[-1] == ("update", "size")
    assert [thing["token"] for thing in world.shelf.things.values()] == ["after"]  # no other value is known


def test_names_follow_the_rule_of_their_kind() -> None:
    rule = NameRule(
        property="bucket", length_max=20, lowercase=True, prefix="x/", prefix_property="bucketPrefix"
    )
    assert physical_name(rule, registration("Photos")).startswith("x/photos-")
    assert physical_name(rule, registration("Photos", bucketPrefix="given")).startswith("given")
    assert physical_name(rule, registration("Photos", bucket="Mine")) == "Mine"


def test_secrets_are_blotted_out_wherever_they_are_printed() -> None:
    stream = io.StringIO()
    reporter = Reporter(stream)
    reporter.hide({"type": "password", "passwords": ['sup"er-secret']})
    reporter.log('wrong password sup"er-secret')
    reporter.error("no such user")
    assert "er-secret" not in stream.getvalue()
    lines = [cast("dict[str, Any]", json.loads(line)) for line in stream.getvalue().splitlines()]
    assert lines[0]["message"] == "wrong password [secret]"
