"""How parts hear of each other: bus, rules, queues and pipes, and where what fails is kept."""

import json
from typing import Any

import pytest

from evaluation.answers import REGION, resource_arn
from tests.infra.deployment import Deployment, key_name
from tests.infra.policies import granted, statements

WORK_QUEUES = ("audio-worker", "projector-worker", "search-indexer", "video-worker")
BUS = "nova-bus-bus-0000000"
RULES = {
    "audio-worker-jobs": "default",
    "audio-worker-transcripts": BUS,
    "audio-worker-uploads": "default",
    "nova-severe-events": BUS,
    "projector-worker-events": BUS,
    "search-indexer-content": BUS,
    "video-worker-uploads": "default",
}
"""Every rule, and the bus that it listens to."""
DEAD_LETTERS = {
    "audio-worker-jobs": "audio-worker",
    "audio-worker-transcripts": "audio-worker",
    "audio-worker-uploads": "audio-worker",
    "nova-severe-events": "nova-severe-events",
    "projector-worker-events": "projector-worker",
    "search-indexer-content": "search-indexer",
    "video-worker-uploads": "video-worker",
}
"""Whose dead-letter queue takes what a rule's target does not accept."""
PIPES = {"nova-pipe": ["INSERT"], "nova-tampering": ["MODIFY", "REMOVE"]}
"""Every pipe, and the changes that pass it."""
SET_ASIDE = {*WORK_QUEUES, *PIPES, "nova-bus", "nova-severe-events"}
"""Whatever has a dead-letter queue."""


def queue_arn(name: str) -> str:
    return resource_arn("sqs", f"{name}-queue-0000000")


def rule_arn(name: str) -> str:
    bus = "" if RULES[name] == "default" else f"{RULES[name]}/"
    return resource_arn("events", f"rule/{bus}{name}-0000000")


def senders(deployment: Deployment, name: str) -> set[str]:
    """For which rules or buses EventBridge may send to a queue; everything else in its policy is checked."""
    (policy,) = [
        found
        for found in deployment.of_type("aws:sqs/queuePolicy:QueuePolicy")
        if found.inputs["queueUrl"].endswith(f"/{name}-queue-0000000")
    ]
    deny, *allow = statements(policy.inputs["policy"])
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", {"AWS": "*"}, ["sqs:*"])
    assert deny["Resource"] == [queue_arn(name)]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    if not allow:
        return set()
    (statement,) = allow
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == (["sqs:SendMessage"], [queue_arn(name)])
    assert list(statement["Condition"]) == ["ArnEquals"]
    return set(statement["Condition"]["ArnEquals"]["aws:SourceArn"])


class TestQueues:
    def test_there_are_no_others(self, deployment: Deployment) -> None:
        names = {queue.name for queue in deployment.of_type("aws:sqs/queue:Queue")}
        # Events of a function that nobody waits for: there is one where something is bought.
        names -= {"mcp-server-dead-letters-queue"}
        assert names == {
            *(f"{name}-queue" for name in WORK_QUEUES),
            *(f"{name}-dead-letters-queue" for name in SET_ASIDE),
            "nova-tampering-evidence-queue",
        }

    def test_each_is_encrypted_with_the_messages_key(self, deployment: Deployment) -> None:
        for queue in deployment.of_type("aws:sqs/queue:Queue"):
            assert queue.inputs["kmsMasterKeyId"].endswith(f"key/{key_name(deployment, 'messages')}")
            assert "sqsManagedSseEnabled" not in queue.inputs

    @pytest.mark.parametrize("name", WORK_QUEUES)
    def test_a_work_queue_sets_poison_aside(self, deployment: Deployment, name: str) -> None:
        queue = deployment.one("aws:sqs/queue:Queue", f"{name}-queue").inputs
        redrive = json.loads(queue["redrivePolicy"])
        assert redrive == {"deadLetterTargetArn": queue_arn(f"{name}-dead-letters"), "maxReceiveCount": 5}
        dead = deployment.one("aws:sqs/queue:Queue", f"{name}-dead-letters-queue").inputs
        assert dead["messageRetentionSeconds"] == 14 * 24 * 3600 > queue["messageRetentionSeconds"]
        assert queue["receiveWaitTimeSeconds"] == 20

    @pytest.mark.parametrize("name", sorted(SET_ASIDE))
    def test_only_its_own_queue_uses_a_dead_letter_queue(self, deployment: Deployment, name: str) -> None:
        allow = deployment.one(
            "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", f"{name}-dead-letters-redrive-allow"
        ).inputs
        assert allow["queueUrl"].endswith(f"/{name}-dead-letters-queue-0000000")
        expected: dict[str, object] = {"redrivePermission": "denyAll"}
        if name in WORK_QUEUES:
            expected = {"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn(name)]}
        assert json.loads(allow["redriveAllowPolicy"]) == expected

    @pytest.mark.parametrize("name", WORK_QUEUES)
    def test_a_work_queue_takes_from_its_own_rules_only(self, deployment: Deployment, name: str) -> None:
        rules = {rule_arn(rule) for rule in RULES if rule.startswith(f"{name}-")}
        assert rules
        assert senders(deployment, name) == rules
        assert senders(deployment, f"{name}-dead-letters") == rules

    def test_other_queues_take_from_whom_they_are_for(self, deployment: Deployment) -> None:
        assert senders(deployment, "nova-bus-dead-letters") == {resource_arn("events", f"event-bus/{BUS}")}
        assert senders(deployment, "nova-severe-events-dead-letters") == {rule_arn("nova-severe-events")}
        for name in ("nova-pipe-dead-letters", "nova-tampering-dead-letters", "nova-tampering-evidence"):
            assert senders(deployment, name) == set()

    @pytest.mark.parametrize("name", sorted(SET_ASIDE))
    def test_an_alarm_goes_off_with_the_first_dead_letter(self, deployment: Deployment, name: str) -> None:
        alarm = alarm_on(deployment, f"{name}-dead-letters-queue-0000000")
        assert alarm["alarmDescription"].endswith("/dead-letters.md")


def alarm_on(deployment: Deployment, queue: str) -> dict[str, Any]:
    """The alarm that goes off with the first message in a queue."""
    (alarm,) = [
        found.inputs
        for found in deployment.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
        if found.inputs.get("dimensions") == {"QueueName": queue}
        and found.inputs["metricName"] == "ApproximateNumberOfMessagesVisible"
    ]
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["alarmActions"] == alarm["okActions"] == [resource_arn("sns", "nova-alerts-topic-0000000")]
    return alarm


class TestRules:
    def test_there_are_no_others(self, deployment: Deployment) -> None:
        rules = deployment.of_type("aws:cloudwatch/eventRule:EventRule")
        assert {rule.name: rule.inputs["eventBusName"] for rule in rules} == RULES
        targets = deployment.of_type("aws:cloudwatch/eventTarget:EventTarget")
        assert {target.name for target in targets} == {f"{name}-target" for name in RULES}

    @pytest.mark.parametrize("name", sorted(RULES))
    def test_a_target_retries_for_a_day_and_sets_aside(self, deployment: Deployment, name: str) -> None:
        target = deployment.one("aws:cloudwatch/eventTarget:EventTarget", f"{name}-target").inputs
        assert (target["rule"], target["eventBusName"]) == (f"{name}-0000000", RULES[name])
        assert target["deadLetterConfig"] == {"arn": queue_arn(f"{DEAD_LETTERS[name]}-dead-letters")}
        assert target["retryPolicy"] == {
            "maximumEventAgeInSeconds": 24 * 3600,
            "maximumRetryAttempts": 185,
        }
        # A role would make deliveries to encrypted queues and topics fail.
        assert "roleArn" not in target

    def test_workers_hear_what_they_work_on(self, deployment: Deployment) -> None:
        patterns = {
            rule.name: json.loads(rule.inputs["eventPattern"])
            for rule in deployment.of_type("aws:cloudwatch/eventRule:EventRule")
        }
        assert patterns["audio-worker-uploads"] == {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {
                "bucket": {"name": ["nova-content-bucket-0000000"]},
                "object": {"key": [{"prefix": "uploads/audio/"}]},
            },
        }
        assert patterns["projector-worker-events"] == {"source": [{"prefix": "nova."}]}
        assert patterns["search-indexer-content"] == {
            "source": ["nova.audio", "nova.video", "nova.search"],
            "detail-type": [
                "TranscriptionCompleted",
                "VideoAnalyzed",
                "DocumentAdded",
                "RecordingDeleted",
                "VideoDeleted",
                "DocumentDeleted",
            ],
        }

    def test_the_audio_worker_hears_of_its_own_jobs(self, deployment: Deployment) -> None:
        rule = deployment.one("aws:cloudwatch/eventRule:EventRule", "audio-worker-jobs").inputs
        pattern = json.loads(rule["eventPattern"])
        assert (pattern["source"], pattern["detail-type"]) == (
            ["aws.transcribe"],
            ["Transcribe Job State Change"],
        )
        assert pattern["detail"]["TranscriptionJobStatus"] == ["COMPLETED", "FAILED"]
        task = deployment.one("aws:ecs/taskDefinition:TaskDefinition", "audio-worker-task").inputs
        (container,) = json.loads(task["containerDefinitions"])
        environment = {entry["name"]: entry["value"] for entry in container["environment"]}
        assert pattern["detail"]["TranscriptionJobName"] == [
            {"prefix": environment["TRANSCRIPTION_JOB_PREFIX"] + "-"}
        ]


class TestNotices:
    def test_people_hear_of_severe_events(self, deployment: Deployment) -> None:
        rule = deployment.one("aws:cloudwatch/eventRule:EventRule", "nova-severe-events").inputs
        assert json.loads(rule["eventPattern"]) == {
            "source": [{"prefix": "nova."}],
            "detail": {"severity": ["HIGH", "CRITICAL", "high", "critical"]},
        }
        target = deployment.one("aws:cloudwatch/eventTarget:EventTarget", "nova-severe-events-target").inputs
        assert target["arn"] == resource_arn("sns", "nova-alerts-topic-0000000")

    def test_the_line_says_where_to_look_and_not_whose_it_is(self, deployment: Deployment) -> None:
        target = deployment.one("aws:cloudwatch/eventTarget:EventTarget", "nova-severe-events-target").inputs
        transformer = target["inputTransformer"]
        template, paths = transformer["inputTemplate"], transformer["inputPaths"]
        text = json.loads(template)
        for name, path in paths.items():
            assert f"<{name}>" in text
            assert path.startswith("$.")
        assert text.count("<") == len(paths)
        assert not {"$.detail.user", "$.detail"} & set(paths.values())
        # The detail is what the pipe publishes: a path to anything else would find nothing.
        pipe = deployment.one("aws:pipes/pipe:Pipe", "nova-pipe-pipe").inputs
        published = json.loads(pipe["targetParameters"]["inputTemplate"])
        for path in paths.values():
            if path.startswith("$.detail."):
                assert path.removeprefix("$.detail.") in published

    def test_the_topic_admits_rules_and_alarms_of_this_account(self, deployment: Deployment) -> None:
        (policy,) = [
            found.inputs
            for found in deployment.of_type("aws:sns/topicPolicy:TopicPolicy")
            if found.name == "nova-alerts-topic-policy"
        ]
        (statement,) = [
            found
            for found in statements(policy["policy"])
            if found["Principal"] == {"Service": "events.amazonaws.com"}
        ]
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == ["sns:Publish"]
        assert statement["Resource"] == [policy["arn"]]
        assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": resource_arn("events", "rule/*")}}


class TestPipes:
    def test_there_are_no_others(self, deployment: Deployment) -> None:
        pipes = {pipe.name for pipe in deployment.of_type("aws:pipes/pipe:Pipe")}
        assert pipes == {f"{name}-pipe" for name in PIPES}

    @pytest.mark.parametrize("name", sorted(PIPES))
    def test_a_pipe_gives_up_in_time_and_sets_aside(self, deployment: Deployment, name: str) -> None:
        pipe = deployment.one("aws:pipes/pipe:Pipe", f"{name}-pipe")
        source = pipe.inputs["sourceParameters"]
        (pattern,) = source["filterCriteria"]["filters"]
        assert json.loads(pattern["pattern"]) == {"eventName": PIPES[name]}
        assert source["dynamodbStreamParameters"] == {
            "startingPosition": "TRIM_HORIZON",
            "batchSize": 10,
            "maximumRetryAttempts": 20,
            "maximumRecordAgeInSeconds": 3600,
            "onPartialBatchItemFailure": "AUTOMATIC_BISECT",
            "deadLetterConfig": {"arn": queue_arn(f"{name}-dead-letters")},
        }
        assert pipe.inputs["desiredState"] == "RUNNING"
        assert pipe.inputs["logConfiguration"]["level"] == "ERROR"
        assert any(urn.endswith(f"::{name}-policy") for urn in pipe.depends_on)

    @pytest.mark.parametrize("name", sorted(PIPES))
    def test_a_pipe_may_do_what_it_does(self, deployment: Deployment, name: str) -> None:
        target = deployment.one("aws:pipes/pipe:Pipe", f"{name}-pipe").inputs["target"]
        rights = {
            (action, resource)
            for found in granted(deployment, f"{name}-policy")
            for action in found.actions
            for resource in found.resources
            if not action.startswith(("kms:", "logs:", "dynamodb:"))
        }
        sends = "events:PutEvents" if ":event-bus/" in target else "sqs:SendMessage"
        assert rights == {(sends, target), ("sqs:SendMessage", queue_arn(f"{name}-dead-letters"))}
        reads = {
            action
            for found in granted(deployment, f"{name}-policy")
            for action in found.actions
            if any(":table/nova-events-table" in resource for resource in found.resources)
        }
        assert reads == {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}

    @pytest.mark.parametrize("name", sorted(PIPES))
    def test_a_pipe_uses_the_keys_of_what_it_touches(self, deployment: Deployment, name: str) -> None:
        pipe = deployment.one("aws:pipes/pipe:Pipe", f"{name}-pipe").inputs
        key = {
            label: resource_arn("kms", f"key/{key_name(deployment, label)}")
            for label in ("tables", "messages")
        }
        assert pipe["kmsKeyIdentifier"] == key["messages"]
        uses = {
            (found.sid, action, resource): found.conditions
            for found in granted(deployment, f"{name}-policy")
            for action in found.actions
            for resource in found.resources
            if action.startswith("kms:")
        }
        assert uses["DecryptTables", "kms:Decrypt", key["tables"]] == {
            "StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}
        }
        assert uses["EncryptMessages", "kms:GenerateDataKey", key["messages"]] == {
            "StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}
        }
        own = {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["aws:pipes:arn", "aws:pipe:arn"]}}
        assert uses["UseOwnKey", "kms:GenerateDataKey", key["messages"]] == own
        assert uses["UseOwnKey", "kms:Decrypt", key["messages"]] == own
        assert uses["SeeOwnKey", "kms:DescribeKey", key["messages"]] == {}

    def test_events_are_published_by_reference(self, deployment: Deployment) -> None:
        pipe = deployment.one("aws:pipes/pipe:Pipe", "nova-pipe-pipe").inputs
        target = pipe["targetParameters"]
        assert pipe["target"] == resource_arn("events", f"event-bus/{BUS}")
        assert json.loads(target["inputTemplate"]) == {
            "aggregate": "<$.dynamodb.Keys.pk.S>",
            **{
                field: f"<$.dynamodb.NewImage.{field}.S>"
                for field in (
                    "id",
                    "version",
                    "source",
                    "type",
                    "user",
                    "occurred_at",
                    "correlation",
                    "severity",
                    "trace",
                )
            },
        }
        assert target["eventbridgeEventBusParameters"] == {
            "source": "$.dynamodb.NewImage.source.S",
            "detailType": "$.dynamodb.NewImage.type.S",
        }

    def test_a_changed_event_leaves_evidence_and_an_alarm(self, deployment: Deployment) -> None:
        pipe = deployment.one("aws:pipes/pipe:Pipe", "nova-tampering-pipe").inputs
        assert pipe["target"] == queue_arn("nova-tampering-evidence")
        evidence = json.loads(pipe["targetParameters"]["inputTemplate"])
        assert evidence["change"] == "<$.eventName>"
        # Neither image: what the event says stays where it is.
        assert not any("Image" in path for path in evidence.values())
        alarm = alarm_on(deployment, "nova-tampering-evidence-queue-0000000")
        assert alarm["alarmDescription"].endswith("/event-tampering.md")
        queue = deployment.one("aws:sqs/queue:Queue", "nova-tampering-evidence-queue").inputs
        assert queue["messageRetentionSeconds"] == 14 * 24 * 3600


class TestBus:
    def test_events_are_encrypted_archived_and_not_lost(self, deployment: Deployment) -> None:
        (bus,) = deployment.of_type("aws:cloudwatch/eventBus:EventBus")
        key = resource_arn("kms", f"key/{key_name(deployment, 'messages')}")
        assert bus.inputs["kmsKeyIdentifier"] == key
        assert bus.inputs["deadLetterConfig"] == {"arn": queue_arn("nova-bus-dead-letters")}
        (archive,) = deployment.of_type("aws:cloudwatch/eventArchive:EventArchive")
        assert archive.inputs == {
            "eventSourceArn": resource_arn("events", f"event-bus/{BUS}"),
            "retentionDays": 90,
            "kmsKeyIdentifier": key,
        }

    def test_nobody_but_the_pipe_publishes(self, deployment: Deployment) -> None:
        publishers = {found.role for found in granted(deployment) if "events:PutEvents" in found.actions}
        assert publishers == {"nova-pipe-policy"}
        assert deployment.of_type("aws:cloudwatch/eventBusPolicy:EventBusPolicy") == []
