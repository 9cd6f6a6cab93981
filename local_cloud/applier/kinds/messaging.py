"""SQS, EventBridge, EventBridge Pipes and SNS."""

from typing import cast

from local_cloud.documents import Document, part

from ..mapper import Value
from ..model import Call, Kind, NameRule, Properties, Resource, Text, addressed, placed, poll
from ..requests import attribute_text

_QUEUE_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _queue_attributes(resource: Resource) -> Properties:
    return {
        "Attributes": {
            attribute: attribute_text(resource.inputs[key])
            for key, attribute in _QUEUE_ATTRIBUTES.items()
            if resource.inputs.get(key) is not None
        }
    }


def _queue_update(resource: Resource) -> Properties:
    return {"QueueUrl": resource.id, **_queue_attributes(resource)}


def _queue_part(token: str, key: str, attribute: str) -> Kind:
    """Declare a queue's policy, apart from the queue because both name each other."""

    def attributes(value: str) -> Properties:
        return {"Attributes": {attribute: value}}

    def put(resource: Resource) -> Properties:
        return {"QueueUrl": resource.inputs["queueUrl"], **attributes(resource.inputs[key])}

    def clear(resource: Resource) -> Properties:
        return {"QueueUrl": resource.inputs["queueUrl"], **attributes("")}

    call = Call(operation="SetQueueAttributes", keys=frozenset(), extra=put)
    return Kind(
        type=token,
        service="sqs",
        create_call=call,
        update_call=call,
        updatable={key},
        delete_call=Call(operation="SetQueueAttributes", keys=frozenset(), extra=clear),
        id=Text("{queueUrl}"),
    )


QUEUE = Kind(
    type="aws:sqs/queue:Queue",
    service="sqs",
    name=NameRule(property="name", length_max=80, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(
        operation="CreateQueue",
        keys={"name", "tags"},
        rename={"name": "QueueName"},
        extra=_queue_attributes,
    ),
    update_call=Call(operation="SetQueueAttributes", keys=frozenset(), extra=_queue_update),
    updatable=frozenset(_QUEUE_ATTRIBUTES) - {"fifoQueue"},
    find_call=addressed("GetQueueUrl", QueueName="{name}"),
    delete_call=addressed("DeleteQueue", QueueUrl="{id}"),
    id="QueueUrl",
    outputs={"url": "QueueUrl", "arn": Text("arn:aws:sqs:{region}:{account}:{name}")},
)


def _rule_update(resource: Resource) -> Properties:
    return {"Name": resource.physical, "EventBusName": resource.inputs.get("eventBusName", "default")}


def _rule_address(resource: Resource) -> Properties:
    return _rule_update(resource)


_RULE_KEYS = frozenset({"description", "eventPattern", "scheduleExpression", "state", "roleArn"})
_RULE_CALL = Call(operation="PutRule", keys=_RULE_KEYS, extra=_rule_update)

EVENT_BUS = Kind(
    type="aws:cloudwatch/eventBus:EventBus",
    service="events",
    name=NameRule(property="name", length_max=256),
    taggable=True,
    create_call=Call(operation="CreateEventBus", rename={"kmsKeyIdentifier": "KmsKeyIdentifier"}),
    update_call=Call(
        operation="UpdateEventBus", keys={"name", "description", "kmsKeyIdentifier", "deadLetterConfig"}
    ),
    updatable={"description", "kmsKeyIdentifier", "deadLetterConfig"},
    find_call=addressed("DescribeEventBus", Name="{name}"),
    delete_call=addressed("DeleteEventBus", Name="{name}"),
    id=Text("{name}"),
    outputs={"arn": Text("arn:aws:events:{region}:{account}:event-bus/{name}")},
    ignored={"logConfig"},
)

EVENT_RULE = Kind(
    type="aws:cloudwatch/eventRule:EventRule",
    service="events",
    name=NameRule(property="name", length_max=64, prefix_property="namePrefix"),
    taggable=True,
    create_call=_RULE_CALL,
    update_call=_RULE_CALL,
    updatable=_RULE_KEYS,
    find_call=Call(operation="DescribeRule", keys=frozenset(), extra=_rule_address),
    delete_call=Call(operation="DeleteRule", keys=frozenset(), extra=_rule_address),
    id=Text("{name}"),
    outputs={"arn": "RuleArn || Arn"},
    ignored={"forceDestroy", "namePrefix"},
)


def _targets(resource: Resource) -> Properties:
    known = {"arn", "roleArn", "input", "inputPath", "deadLetterConfig", "retryPolicy"}
    target: Properties = {key: value for key, value in resource.inputs.items() if key in known}
    target["id"] = resource.physical
    if transformer := resource.inputs.get("inputTransformer"):
        target["inputTransformer"] = {
            "inputPathsMap": part(transformer, "inputPaths"),
            "inputTemplate": transformer["inputTemplate"],
        }
    if queue := resource.inputs.get("sqsTarget"):
        target["sqsParameters"] = queue
    return {
        **_target_rule(resource),
        "Targets": placed(resource, "events", "PutTargets", "Targets", [target]),
    }


def _target_rule(resource: Resource) -> Properties:
    return {
        "Rule": resource.inputs["rule"],
        "EventBusName": resource.inputs.get("eventBusName", "default"),
    }


def _target_removal(resource: Resource) -> Properties:
    return {**_target_rule(resource), "Ids": [resource.physical]}


_TARGET_KEYS = frozenset(
    {
        "arn",
        "roleArn",
        "input",
        "inputPath",
        "inputTransformer",
        "deadLetterConfig",
        "retryPolicy",
        "sqsTarget",
    }
)
_TARGET_CALL = Call(operation="PutTargets", keys=frozenset(), extra=_targets)

EVENT_TARGET = Kind(
    type="aws:cloudwatch/eventTarget:EventTarget",
    service="events",
    name=NameRule(property="targetId", length_max=64),
    create_call=_TARGET_CALL,
    update_call=_TARGET_CALL,
    updatable=_TARGET_KEYS,
    delete_call=Call(operation="RemoveTargets", keys=frozenset(), extra=_target_removal),
    id=Text("{rule}-{name}"),
    ignored={"forceDestroy"},
)

EVENT_ARCHIVE = Kind(
    type="aws:cloudwatch/eventArchive:EventArchive",
    service="events",
    # AWS allows 48 characters; the suffix is part of them.
    name=NameRule(property="name", length_max=48),
    create_call=Call(operation="CreateArchive", rename={"name": "ArchiveName"}),
    update_call=Call(
        operation="UpdateArchive",
        keys={"name", "description", "eventPattern", "retentionDays", "kmsKeyIdentifier"},
        rename={"name": "ArchiveName"},
    ),
    updatable={"description", "eventPattern", "retentionDays", "kmsKeyIdentifier"},
    find_call=addressed("DescribeArchive", ArchiveName="{name}"),
    delete_call=addressed("DeleteArchive", ArchiveName="{name}"),
    id=Text("{name}"),
    outputs={"arn": "ArchiveArn"},
)


def _bus_policy(resource: Resource) -> Properties:
    return {
        "EventBusName": resource.inputs.get("eventBusName", "default"),
        "Policy": resource.inputs["policy"],
    }


_BUS_POLICY_CALL = Call(operation="PutPermission", keys=frozenset(), extra=_bus_policy)


def _until_running(resource: Resource) -> None:
    wanted = resource.inputs.get("desiredState", "RUNNING")

    def settled() -> bool:
        pipe = resource.cloud.call("pipes", "DescribePipe", {"Name": resource.physical})
        if pipe["CurrentState"].endswith("FAILED"):
            raise RuntimeError(
                f"pipe {resource.physical}: {pipe['CurrentState']}: {pipe.get('StateReason', '')}"
            )
        return pipe["CurrentState"] == wanted

    poll(settled, f"pipe {resource.physical}")


_PIPE_UPDATABLE = frozenset(
    {
        "description",
        "desiredState",
        "enrichment",
        "enrichmentParameters",
        "kmsKeyIdentifier",
        "logConfiguration",
        "roleArn",
        "sourceParameters",
        "target",
        "targetParameters",
    }
)


def _movable(value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    fixed = {"startingPosition", "startingPositionTimestamp"}
    return {name: item for name, item in cast("Document", value).items() if name not in fixed}


def _pipe_parameters(resource: Resource) -> Properties:
    """UpdatePipe takes the source's parameters without what is fixed at creation (the starting position)."""
    movable = {key: _movable(value) for key, value in part(resource.inputs, "sourceParameters").items()}
    if not movable:
        return {}
    return {"SourceParameters": placed(resource, "pipes", "UpdatePipe", "SourceParameters", movable)}


PIPE = Kind(
    type="aws:pipes/pipe:Pipe",
    service="pipes",
    name=NameRule(property="name", length_max=64, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(operation="CreatePipe"),
    update_call=Call(
        operation="UpdatePipe",
        keys=(_PIPE_UPDATABLE - {"sourceParameters"}) | {"name"},
        extra=_pipe_parameters,
    ),
    updatable=_PIPE_UPDATABLE,
    find_call=addressed("DescribePipe", Name="{name}"),
    delete_call=addressed("DeletePipe", Name="{name}"),
    wait=_until_running,
    id=Text("{name}"),
    outputs={"arn": "Arn"},
    ignored={"namePrefix"},
)

TOPIC = Kind(
    type="aws:sns/topic:Topic",
    service="sns",
    name=NameRule(property="name", length_max=256),
    taggable=True,
    create_call=Call(
        operation="CreateTopic",
        keys={"name", "tags"},
        extra=lambda resource: {
            "Attributes": {"KmsMasterKeyId": resource.inputs["kmsMasterKeyId"]}
            if resource.inputs.get("kmsMasterKeyId")
            else {}
        },
    ),
    find_call=addressed("GetTopicAttributes", TopicArn="arn:aws:sns:{region}:{account}:{name}"),
    delete_call=addressed("DeleteTopic", TopicArn="{id}"),
    id=Text("arn:aws:sns:{region}:{account}:{name}"),
    outputs={"arn": Text("arn:aws:sns:{region}:{account}:{name}")},
)

KINDS = (
    QUEUE,
    _queue_part("aws:sqs/queuePolicy:QueuePolicy", "policy", "Policy"),
    _queue_part("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy", "RedriveAllowPolicy"),
    EVENT_BUS,
    EVENT_RULE,
    EVENT_TARGET,
    EVENT_ARCHIVE,
    PIPE,
    TOPIC,
)
