"""Rules about logs, secrets, tags and alarms."""

from collections.abc import Iterable
from typing import Any

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, at_least, each, is_certainly, is_set, may_be, parsed

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 (a type)
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
PROVIDER = "pulumi:providers:aws"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SERVICE = "aws:ecs/service:Service"
TARGETS = "aws:lb/targetGroup:TargetGroup"


@resource_rule(
    "logs-loggroup-retention",
    severity=Severity.MEDIUM,
    types=(LOG_GROUP,),
    controls=(66,),
    references=("CloudWatch.16",),
    description="Somebody has chosen how long a log is kept.",
    remediation="Set retentionInDays.",
)
def retention(group: Resource, _options: Options) -> Iterable[str]:
    """Refuse logs for ever: they cost more each month, and hold what people asked to have erased."""
    if not at_least(group.at("retentionInDays"), 1):
        yield "it is kept for ever"


@resource_rule(
    "logs-loggroup-key",
    severity=Severity.MEDIUM,
    types=(LOG_GROUP,),
    controls=(66,),
    description="A log is encrypted under a key of the account's own.",
    remediation="Set kmsKeyId.",
)
def log_key(group: Resource, _options: Options) -> Iterable[str]:
    """Ask for a key that can be closed to readers of the log."""
    if not is_set(group.at("kmsKeyId")):
        yield "it is encrypted under AWS's own key"


@resource_rule(
    "secretsmanager-secret-key",
    severity=Severity.MEDIUM,
    types=(SECRET,),
    controls=(67,),
    description="A secret is encrypted under a key of the account's own.",
    remediation="Set kmsKeyId.",
)
def secret_key(secret: Resource, _options: Options) -> Iterable[str]:
    """Refuse AWS's key, which everybody of the account may use through Secrets Manager."""
    if not is_set(secret.at("kmsKeyId")):
        yield "it is encrypted under the account's default key"


@stack_rule(
    "secretsmanager-secret-rotation",
    severity=Severity.MEDIUM,
    types=(SECRET,),
    controls=(67,),
    references=("SecretsManager.1",),
    description="A secret is changed by itself.",
    remediation="Give it a SecretRotation, or an exception that says how else it is changed.",
)
def secret_rotation(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Look for the rotation, which is a resource of its own."""
    for secret in graph.of_type(SECRET):
        if not graph.referring_to(secret, ROTATION, by="secretId"):
            yield Finding(secret, "nothing changes it by itself")


@resource_rule(
    "aws-provider-tags",
    severity=Severity.LOW,
    types=(PROVIDER,),
    controls=(69,),
    description="Whatever is made says whose it is, and who pays for it.",
    remediation="Set defaultTags of the provider.",
    options={
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["project", "owner", "cost-center"],
            "description": "Names of the tags that have to be there",
        }
    },
)
def tags(provider: Resource, options: Options) -> Iterable[str]:
    """Ask the provider, which forgets no resource; its inputs are texts of JSON."""
    given = parsed(provider.at("defaultTags"))
    found = at(given, "tags")
    if given is UNKNOWN or found is UNKNOWN:
        return
    if missing := [name for name in options["tags"] if not is_set(at(found, name))]:
        yield f"it does not tag what it makes with {', '.join(missing)}"


@resource_rule(
    "cloudwatch-alarm-actions",
    severity=Severity.MEDIUM,
    types=(ALARM,),
    controls=(70,),
    references=("CloudWatch.15", "CloudWatch.17"),
    description="An alarm tells somebody.",
    remediation="Set alarmActions, and leave actionsEnabled at true.",
)
def alarm_actions(alarm: Resource, _options: Options) -> Iterable[str]:
    """Refuse actions that are switched off, too."""
    if not is_set(alarm.at("alarmActions")):
        yield "nobody hears it"
    elif is_certainly(alarm.at("actionsEnabled"), False):
        yield "its actions are switched off"


@stack_rule(
    "ecs-service-alarms",
    severity=Severity.MEDIUM,
    types=(SERVICE, ALARM),
    controls=(70,),
    description="Somebody is told when a service of production has too little CPU or memory.",
    remediation="Make alarms on CPUUtilization and MemoryUtilization of the service.",
    production=True,
)
def service_alarms(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for both: either of the two stops it."""
    for service in graph.of_type(SERVICE):
        metrics = [
            one.at("metricName")
            for one in graph.referring_to(service, ALARM, by="dimensions")
            if is_set(one.at("alarmActions"))
        ]
        for metric in ("CPUUtilization", "MemoryUtilization"):
            if not any(may_be(found, metric) for found in metrics):
                yield Finding(service, f"nobody is told of its {metric}")


@stack_rule(
    "elb-targetgroup-alarms",
    severity=Severity.MEDIUM,
    types=(TARGETS, ALARM),
    controls=(70,),
    description="Somebody is told when what stands behind a production load balancer is slow, or fails.",
    remediation="Make alarms on TargetResponseTime and HTTPCode_Target_5XX_Count of the target group.",
    production=True,
)
def target_alarms(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Look into expressions, too: failures are counted as a share of all requests."""
    for group in graph.of_type(TARGETS):
        metrics = [
            name
            for alarm in graph.referring_to(group, ALARM)
            if is_set(alarm.at("alarmActions"))
            for name in _metrics(alarm)
        ]
        for metric in ("TargetResponseTime", "HTTPCode_Target_5XX_Count"):
            if not any(may_be(name, metric) for name in metrics):
                yield Finding(group, f"nobody is told of its {metric}")


def _metrics(alarm: Resource) -> Iterable[Any]:
    queries = alarm.at("metricQueries")
    if queries is UNKNOWN:
        yield UNKNOWN
    yield alarm.at("metricName")
    yield from (at(query, "metric", "metricName") for query in each(queries))
