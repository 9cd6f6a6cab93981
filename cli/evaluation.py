"""Evaluates versions of the coordinator's behaviour, and compares them.

A task of the service's image behind another command asks the cases. It has the service's role, network and
environment, and the token of a user who is made for it and deleted afterwards, or of NOVA_EVAL_TOKEN.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli import jobs, users
from cli.errors import NovaError
from cli.target import Target

SERVICE = "agent-core"
COMMAND = ("python", "-m", "nova_agent_core.evals.run")
OFFLINE = "--offline"
TOKEN = "EVALUATION_TOKEN"  # noqa: S105 (the name of a variable)
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How one version did."""

    behaviour: str
    model: str
    cases: Sequence[Mapping[str, Any]]

    def count(self, outcome: str, language: str = "") -> int:
        """Return how many cases, of a language or of all, ended so."""
        return sum(case["outcome"] == outcome and str(case["id"]).startswith(language) for case in self.cases)

    @property
    def share(self) -> float:
        """Of what was judged, how much passed; 0 where nothing was."""
        judged = self.count(PASSED) + self.count(FAILED)
        return self.count(PASSED) / judged if judged else 0.0

    def total(self, what: str) -> float:
        """Return the sum of a number over all cases."""
        return sum(case.get(what, 0) for case in self.cases)

    def document(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "behaviour": self.behaviour,
            "model": self.model,
            "share": round(self.share, 4),
            "passed": self.count(PASSED),
            "failed": self.count(FAILED),
            "not_judged": self.count(NOT_JUDGED),
            "input_tokens": self.total("input_tokens"),
            "output_tokens": self.total("output_tokens"),
            "cost_usd": round(self.total("cost_usd"), 6),
            "ms": self.total("ms"),
            "cases": [dict(case) for case in self.cases],
        }


def evaluate(target: Target, behaviour: str, *, offline: bool, progress: Callable[[str], None]) -> Evaluation:
    """Ask all cases of one version, the one that serves where none is named."""
    with _token(target) as token:
        job = _service(target)
        arguments = [behaviour or job.pop("behaviour"), *([OFFLINE] if offline else [])]
        report = jobs.run_task(target, job, [*COMMAND, *arguments], {TOKEN: token}, progress)
    return Evaluation(str(report["behaviour"]), str(report["model"]), report["cases"])


def lines(one: Evaluation) -> list[str]:
    """Return an evaluation in words: numbers, and what failed."""
    said = [
        f"Behaviour {one.behaviour} on {one.model}: {one.count(PASSED)} passed, {one.count(FAILED)} failed, "
        f"{one.count(NOT_JUDGED)} not judged offline",
        f"  of these in Japanese: {one.count(PASSED, 'ja')} passed, {one.count(FAILED, 'ja')} failed, "
        f"{one.count(NOT_JUDGED, 'ja')} not judged",
        f"  {one.total('input_tokens'):.0f} tokens in, {one.total('output_tokens'):.0f} out, "
        f"{one.total('cost_usd'):.4f} USD, {one.total('ms') / 1000:.1f} s of answers",
    ]
    failed = [case for case in one.cases if case["outcome"] == FAILED]
    return said + [f"  failed: {case['id']} ({'; '.join(case['faults'])})" for case in failed]


def compared(old: Evaluation, new: Evaluation) -> list[str]:
    """Return what differs between two versions, case by case: what regressed comes first."""
    before = {case["id"]: case for case in old.cases}
    pairs = [(before[case["id"]], case) for case in new.cases if case["id"] in before]
    regressed = [after for was, after in pairs if (was["outcome"], after["outcome"]) == (PASSED, FAILED)]
    improved = [after for was, after in pairs if (was["outcome"], after["outcome"]) == (FAILED, PASSED)]
    differences = ", ".join(
        f"{label} {_change(old.total(what), new.total(what))}"
        for label, what in (
            ("input tokens", "input_tokens"),
            ("output tokens", "output_tokens"),
            ("cost", "cost_usd"),
            ("time", "ms"),
        )
    )
    return [
        f"Behaviour {old.behaviour} to {new.behaviour}: {len(regressed)} regressed, {len(improved)} improved",
        *(f"  regressed: {case['id']} ({'; '.join(case['faults'])})" for case in regressed),
        *(f"  improved: {case['id']}" for case in improved),
        f"  {differences}",
    ]


def _change(old: float, new: float) -> str:
    return f"{(new - old) / old:+.0%}" if old else "0%" if not new else "new"


def _service(target: Target) -> dict[str, Any]:
    """Return how the coordinator's service runs, as a job is described."""
    ecs, some = target.client("ecs"), next(iter(target.output("jobs").values()))
    name = next((name for name in target.output("services") if SERVICE in name), None)
    if name is None:
        raise NovaError(f"the stack has no service {SERVICE}")
    try:
        (service,) = ecs.describe_services(cluster=some["cluster"], services=[name])["services"]
        described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    except (ClientError, BotoCoreError, ValueError) as error:
        raise NovaError(f"the service {SERVICE} cannot be found: {error}") from error
    (container,) = described["taskDefinition"]["containerDefinitions"]
    variables = {variable["name"]: variable["value"] for variable in container["environment"]}
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    return {
        **some,
        "taskDefinition": service["taskDefinition"],
        "container": container["name"],
        "subnets": network["subnets"],
        "securityGroups": network["securityGroups"],
        "logGroup": container["logConfiguration"]["options"]["awslogs-group"],
        "behaviour": variables["BEHAVIOUR"],
    }


@contextlib.contextmanager
def _token(target: Target) -> Generator[str]:
    """Give the access token of somebody who has nothing yet."""
    given = os.environ.get("NOVA_EVAL_TOKEN")
    if given:
        yield given
        return
    cognito = target.client("cognito-idp")
    who = {"UserPoolId": target.output("user_pool_id"), "Username": f"evaluation-{secrets.token_hex(4)}"}
    password = users.new_password()
    try:
        cognito.admin_create_user(**who, MessageAction="SUPPRESS")
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"no user can be made for the evaluation: {error}") from error
    try:
        cognito.admin_set_user_password(**who, Password=password, Permanent=True)
        unsigned = target.client("cognito-idp", Config(signature_version=UNSIGNED))
        answer = unsigned.initiate_auth(
            ClientId=target.output("user_pool_client_id"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": who["Username"], "PASSWORD": password},
        )
        yield str(answer["AuthenticationResult"]["AccessToken"])
    except ClientError as error:
        raise NovaError(f"the evaluation's user cannot sign in: {error}; give NOVA_EVAL_TOKEN") from error
    finally:
        with contextlib.suppress(ClientError, BotoCoreError):
            cognito.admin_delete_user(**who)
