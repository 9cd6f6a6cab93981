"""Starts the jobs that the program declares (ECS RunTask), waits for their end, reads what they report."""

import contextlib
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError
from cli.target import Target

REPORT = "job report"
"""Message of the log line with a job's result (nova_common.job)."""
POLL_INTERVAL_S = 1.0
TIMEOUT_S = 6 * 3600
REPORT_TIMEOUT_S = 30
"""A task's last lines reach its log a few seconds after its end."""


def run_job(
    target: Target, name: str, arguments: Sequence[str], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run a job to its end and return what it reports; NovaError with its own words when it fails."""
    return run_jobs(target, [name], arguments, progress)[name]


def run_jobs(
    target: Target, names: Sequence[str], arguments: Sequence[str], progress: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Run jobs side by side to their ends and return what they report.

    NovaError with their own words when some fail; the others have come to their end then, too.
    """
    jobs: dict[str, dict[str, Any]] = target.output("jobs")
    if unknown := sorted(set(names) - jobs.keys()):
        raise NovaError(f"there is no job {unknown[0]}; there are: {', '.join(sorted(jobs))}")
    started, reports = dict[str, str](), dict[str, dict[str, Any]]()
    failures: list[str] = []
    for name in names:
        with _told(name, failures):
            command = [*_command(target, jobs[name]), *arguments]
            started[name] = _start(target, jobs[name], command, {})
    for name, task_arn in started.items():
        with _told(name, failures):
            reports[name] = _followed(target, name, jobs[name], task_arn, progress)
    if failures:
        raise NovaError("\n".join(failures))
    return reports


def run_task(
    target: Target,
    job: dict[str, Any],
    command: Sequence[str],
    variables: Mapping[str, str],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Run what ``job`` describes with another command and further variables; else as `run_job`."""
    name, failures = str(job["container"]), list[str]()
    report: dict[str, Any] = {}
    with _told(name, failures):
        report = _followed(target, name, job, _start(target, job, command, variables), progress)
    if failures:
        raise NovaError("\n".join(failures))
    return report


@contextlib.contextmanager
def _told(name: str, failures: list[str]) -> Generator[None]:
    """Collect what goes wrong with a job, so that the others go on."""
    try:
        yield
    except NovaError as error:
        failures.append(str(error))
    except (ClientError, BotoCoreError) as error:
        failures.append(f"the job {name} cannot be followed: {error}")


def _followed(
    target: Target, name: str, job: dict[str, Any], task_arn: str, progress: Callable[[str], None]
) -> dict[str, Any]:
    _await_end(target, job["cluster"], task_arn, progress)
    report = _report(target, job, task_arn.rpartition("/")[2])
    if not report.get("done"):
        raise NovaError(f"{name}: {report.get('reason', 'the job gave no reason')}")
    return {key: value for key, value in report.items() if key not in _ENVELOPE}


_ENVELOPE = frozenset({"time", "level", "service", "logger", "message", "done"})


def _command(target: Target, job: dict[str, Any]) -> list[str]:
    answer = target.client("ecs").describe_task_definition(taskDefinition=job["taskDefinition"])
    return answer["taskDefinition"]["containerDefinitions"][0]["command"]


def _start(target: Target, job: dict[str, Any], command: Sequence[str], variables: Mapping[str, str]) -> str:
    if target.outputs.get("asleep"):
        raise NovaError("the stack sleeps, and jobs reach nothing: wake it with ./nova wake")
    override: dict[str, Any] = {"name": job["container"], "command": list(command)}
    if variables:
        override["environment"] = [{"name": name, "value": value} for name, value in variables.items()]
    answer = target.client("ecs").run_task(
        cluster=job["cluster"],
        taskDefinition=job["taskDefinition"],
        launchType="FARGATE",
        platformVersion=job["platformVersion"],
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": job["subnets"],
                "securityGroups": job["securityGroups"],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [override]},
        startedBy="nova",
    )
    if answer["failures"] or not answer["tasks"]:
        reasons = ", ".join(str(failure.get("reason")) for failure in answer["failures"])
        raise NovaError(f"ECS does not start the job: {reasons or 'it gave no reason'}")
    return str(answer["tasks"][0]["taskArn"])


def _await_end(target: Target, cluster: str, task_arn: str, progress: Callable[[str], None]) -> None:
    ecs = target.client("ecs")
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        (task,) = ecs.describe_tasks(cluster=cluster, tasks=[task_arn])["tasks"]
        if task["lastStatus"] == "STOPPED":
            if task.get("stopCode") == "TaskFailedToStart":
                raise NovaError(f"the job did not start: {task.get('stoppedReason')}")
            return
        progress(str(task["lastStatus"]).lower())
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"the job is still at work after {TIMEOUT_S} s; it goes on as task {task_arn}")


def _report(target: Target, job: dict[str, Any], task_id: str) -> dict[str, Any]:
    logs = target.client("logs")
    stream = f"{job['container']}/{job['container']}/{task_id}"
    deadline = time.monotonic() + REPORT_TIMEOUT_S
    lines: list[str] = []
    while time.monotonic() < deadline:
        lines = _last_lines(logs, job["logGroup"], stream)
        for line in reversed(lines):
            if REPORT in line and (found := _parsed(line)).get("message") == REPORT:
                return found
        time.sleep(POLL_INTERVAL_S)
    said = "\n".join(f"  {line}" for line in lines[-10:]) or "  (nothing was logged)"
    raise NovaError(f"the job ended without a report; its last lines:\n{said}")


def _last_lines(logs: Any, group: str, stream: str) -> list[str]:  # noqa: ANN401 (a boto3 client)
    try:
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=False)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return []
        raise
    return [str(event["message"]) for event in answer["events"]]


def _parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError:
        return {}
