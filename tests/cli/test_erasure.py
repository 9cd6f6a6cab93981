"""`nova erase` without a platform: who is meant, in which order things happen, what a failure leaves."""

# ruff: noqa: ANN401 - stand-ins take whatever the real thing takes

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from cli import erasure, jobs
from cli.app import app
from cli.commands import data
from cli.errors import NovaError
from cli.home import Home
from cli.target import Target

REGION = "us-east-1"
JOBS: dict[str, dict[str, str]] = {"audio-erase": {}, "agent-core-erase": {}, "projector-rebuild": {}}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Pool:
    """A user pool as far as it is used: users by name, each with an id, an address, who may not enter."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[str, str]] = {}
        self.shut_out: set[str] = set()
        self.signed_out: set[str] = set()

    def add(self, name: str, email: str) -> None:
        self.users[name] = (f"0000000{len(self.users)}-aaaa-4000-8000-000000000000", email)

    def admin_get_user(self, **request: Any) -> Any:
        user = self._described(self._name(request, "AdminGetUser"))
        return {"Username": user["Username"], "UserAttributes": user["Attributes"]}

    def list_users(self, **request: Any) -> Any:
        email = request["Filter"].removeprefix('email = "').removesuffix('"')
        assert '"' not in email
        return {"Users": [self._described(name) for name, user in self.users.items() if user[1] == email]}

    def admin_disable_user(self, **request: Any) -> None:
        self.shut_out.add(self._name(request, "AdminDisableUser"))

    def admin_user_global_sign_out(self, **request: Any) -> None:
        self.signed_out.add(self._name(request, "AdminUserGlobalSignOut"))

    def admin_delete_user(self, **request: Any) -> None:
        del self.users[self._name(request, "AdminDeleteUser")]

    def _name(self, request: dict[str, Any], operation: str) -> str:
        assert request["UserPoolId"] == "pool"
        for name, (subject, _) in self.users.items():
            if request["Username"] in {name, subject}:
                return name
        raise ClientError({"Error": {"Code": "UserNotFoundException"}}, operation)

    def _described(self, name: str) -> dict[str, Any]:
        subject, email = self.users[name]
        return {
            "Username": name,
            "Attributes": [{"Name": "sub", "Value": subject}, {"Name": "email", "Value": email}],
        }


@pytest.fixture
def pool() -> Pool:
    """A pool in which there is Alice."""
    made = Pool()
    made.add("alice", "alice@example.com")
    return made


@pytest.fixture
def target(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack with that pool."""
    session = boto3.session.Session(region_name=REGION)
    made = Target(
        outputs={"user_pool_id": "pool", "jobs": JOBS}, region=REGION, session=session, endpoint=None
    )

    def client(_target: Target, service: str) -> Pool:
        assert service == "cognito-idp"
        return pool

    def find_target(_home: Home, _stack: str) -> Target:
        return made

    monkeypatch.setattr(Target, "client", client)
    monkeypatch.setattr(data, "find_target", find_target)
    return made


class Slices:
    """What the jobs answer, and what they were started with."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.started: list[tuple[Sequence[str], Sequence[str]]] = []
        self.barred: set[str] = set()
        self.failure: str | None = None

    def run(
        self, _: Target, names: Sequence[str], arguments: Sequence[str], progress: Callable[[str], None]
    ) -> Mapping[str, Any]:
        progress("running")
        self.started.append((names, arguments))
        self.barred = self.pool.shut_out & self.pool.signed_out & self.pool.users.keys()
        if self.failure:
            raise NovaError(self.failure)
        removed = {"recordings": 2, "objects": 3, "nothing of these": 0}
        return {name: {"removed": removed} for name in names}


@pytest.fixture
def slices(target: Target, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Slices:
    del target
    made = Slices(pool)
    monkeypatch.setattr(jobs, "run_jobs", made.run)
    return made


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["erase", *arguments], input=answer)


def test_people_are_shut_out_erased_by_all_slices_and_forgotten(
    target: Target, pool: Pool, slices: Slices
) -> None:
    person = erasure.find_person(target, "alice")
    pool.add("bob", "bob@example.com")
    result = run("alice", "--yes")
    assert result.exit_code == 0
    assert slices.started == [(["agent-core-erase", "audio-erase"], [person.id])]
    # They could not sign in while they were erased, and were there for whoever has to begin again.
    assert slices.barred == {"alice"}
    assert set(pool.users) == {"bob"}
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert lines == [["6", "objects"], ["4", "recordings"], ["1", "user of the pool"]]


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "id"])
def test_people_are_found_by_name_address_and_id(target: Target, name: str) -> None:
    known = erasure.find_person(target, "alice")
    assert erasure.find_person(target, known.id if name == "id" else name) == known


@pytest.mark.parametrize("name", ["carol", "carol@example.com", 'x" or "@', "ALICE; drop"])
def test_whom_nobody_knows_is_refused_before_anything_changes(pool: Pool, slices: Slices, name: str) -> None:
    result = run(name, "--yes")
    assert isinstance(result.exception, NovaError)
    assert "nothing was changed" in str(result.exception)
    assert (slices.started, set(pool.users), pool.shut_out) == ([], {"alice"}, set[str]())


def test_an_address_of_several_people_is_refused(target: Target, pool: Pool) -> None:
    pool.add("alicia", "alice@example.com")
    with pytest.raises(
        NovaError, match=r"2 users have the address alice@example.com: alice, alicia; say which"
    ):
        erasure.find_person(target, "alice@example.com")


def test_whom_the_pool_forgot_is_left_to_the_slices(pool: Pool, slices: Slices) -> None:
    result = run(NOBODY, "--yes")
    assert result.exit_code == 0
    assert slices.started == [(["agent-core-erase", "audio-erase"], [NOBODY, "--forgotten"])]
    assert (set(pool.users), pool.shut_out) == ({"alice"}, set[str]())


def test_it_asks_first(pool: Pool, slices: Slices) -> None:
    result = run("alice", answer="n\n")
    assert result.exit_code == 1
    assert (slices.started, set(pool.users), pool.shut_out) == ([], {"alice"}, set[str]())
    assert run("alice", answer="y\n").exit_code == 0


def test_after_a_failure_it_goes_on(pool: Pool, slices: Slices) -> None:
    slices.failure = "audio-erase: the index is busy"
    result = run("alice", "--yes")
    assert str(result.exception) == slices.failure
    # Nobody is in, and the name still finds them.
    assert (set(pool.users), pool.shut_out) == ({"alice"}, {"alice"})
    slices.failure = None
    assert run("alice", "--yes").exit_code == 0
    assert not pool.users


# --- jobs side by side ---


class FakeAws:
    """ECS and CloudWatch Logs as far as jobs need them; `reports` by job, None if it does not start."""

    def __init__(self, reports: Mapping[str, Mapping[str, Any] | None]) -> None:
        self.reports = reports
        self.polls = 2
        self.started: list[str] = []

    def describe_task_definition(self, **request: Any) -> Any:
        return {"taskDefinition": {"containerDefinitions": [{"command": [request["taskDefinition"]]}]}}

    def run_task(self, **request: Any) -> Any:
        name = request["taskDefinition"]
        self.started.append(name)
        if self.reports[name] is None:
            return {"failures": [{"reason": "RESOURCE:ENI"}], "tasks": []}
        return {"failures": [], "tasks": [{"taskArn": f"arn:task/{name}"}]}

    def describe_tasks(self, **_request: Any) -> Any:
        self.polls -= 1
        return {"tasks": [{"lastStatus": "RUNNING" if self.polls > 0 else "STOPPED"}]}

    def get_log_events(self, **request: Any) -> Any:
        report = self.reports[request["logGroupName"]]
        lines = ["started", json.dumps({"message": jobs.REPORT, "level": "INFO", **(report or {})})]
        return {"events": [{"message": line} for line in lines]}


def run_jobs(monkeypatch: pytest.MonkeyPatch, fake: FakeAws, names: Sequence[str]) -> Mapping[str, Any]:
    monkeypatch.setattr(jobs, "POLL_INTERVAL_S", 0)

    def client(_target: Target, _service: str) -> FakeAws:
        return fake

    monkeypatch.setattr(Target, "client", client)
    declared = {
        name: {
            "cluster": "c",
            "container": name,
            "logGroup": name,
            "platformVersion": "1.4.0",
            "securityGroups": ["sg"],
            "subnets": ["subnet"],
            "taskDefinition": name,
        }
        for name in fake.reports
    }
    session = boto3.session.Session(region_name=REGION)
    target = Target(outputs={"jobs": declared}, region=REGION, session=session, endpoint=None)
    return jobs.run_jobs(target, names, ["argument"], print)


def test_jobs_run_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeAws({"a": {"done": True, "count": 1}, "b": {"done": True, "count": 2}})
    assert run_jobs(monkeypatch, fake, ["a", "b"]) == {"a": {"count": 1}, "b": {"count": 2}}


def test_one_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeAws({"a": None, "b": {"done": False, "reason": "the index is busy"}, "c": {"done": True}})
    with pytest.raises(NovaError) as caught:
        run_jobs(monkeypatch, fake, ["a", "b", "c"])
    assert str(caught.value) == "ECS does not start the job: RESOURCE:ENI\nb: the index is busy"
    assert fake.started == ["a", "b", "c"]


def test_an_unknown_job_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeAws({"a": {"done": True}})
    with pytest.raises(NovaError, match="there is no job z; there are: a"):
        run_jobs(monkeypatch, fake, ["a", "z"])
    assert fake.started == []
