"""What must not be done to logs, secrets, tags and alarms."""

import json

from tests.policy.mutation import Mutation, added, altered, removed, set_at

LOGS = ("aws:cloudwatch/logGroup:LogGroup", "audio-logs")
SECRET = ("aws:secretsmanager/secret:Secret", "mcp-server-wallet-secret")
SPARE = ("aws:secretsmanager/secret:Secret", "another")
PROVIDER = ("pulumi:providers:aws", "aws")
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
MEMORY = (ALARM, "audio-memory-alarm")
CPU, LATENCY = (ALARM, "audio-cpu-alarm"), (ALARM, "audio-target-latency-alarm")
FAILURES = (ALARM, "audio-target-errors-alarm")
SERVICE = ("aws:ecs/service:Service", "audio-service")
TARGETS = ("aws:lb/targetGroup:TargetGroup", "audio-target")
SERVICES, GROUPS = "ecs-service-alarms", "elb-targetgroup-alarms"

MUTATIONS = (
    altered("logs-loggroup-retention", "kept for ever", (*LOGS, "retentionInDays"), None),
    altered("logs-loggroup-key", "AWS's own key encrypts", (*LOGS, "kmsKeyId"), None),
    altered("secretsmanager-secret-key", "the account's default key encrypts", (*SECRET, "kmsKeyId"), None),
    Mutation(
        rule="secretsmanager-secret-rotation", what="nothing changes it", at=SPARE,
        change=added(*SPARE, {"kmsKeyId": "key"}), unknown=(*SECRET, "description"),
    ),
    altered("aws-provider-tags", "nobody is named", (*PROVIDER, "defaultTags"), json.dumps({"tags": {}})),
    altered(
        "cloudwatch-alarm-actions", "actions are off", (*CPU, "actionsEnabled"), False,
        needs=("alarmActions",),
    ),
    Mutation(
        rule="cloudwatch-alarm-actions", what="nobody is told", at=CPU, unknown=(*CPU, "alarmActions"),
        change=set_at((*CPU, "alarmActions"), None), with_rules=(SERVICES,),
    ),
    Mutation(
        rule=SERVICES, what="nobody is told of its memory", at=SERVICE, change=removed(*MEMORY),
        unknown=(*MEMORY, "metricName"),
    ),
    Mutation(
        rule=GROUPS, what="nobody is told that it is slow", at=TARGETS, change=removed(*LATENCY),
        unknown=(*LATENCY, "metricName"),
    ),
    Mutation(
        rule=GROUPS, what="nobody is told that it fails", at=TARGETS, change=removed(*FAILURES),
        unknown=(*FAILURES, "metricQueries"),
    ),
)  # fmt: skip
