"""From a call to the rights that it needs: tables for most services, rules of their own for some."""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import cast

from local_cloud.documents import Document, parts
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import agents as iam_agents
from local_cloud.gateway.iam import dynamodb as iam_dynamodb
from local_cloud.gateway.iam import keys as iam_keys
from local_cloud.gateway.iam import models as iam_models
from local_cloud.gateway.iam import s3 as iam_s3
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.requests import Call, Keys, Need, NotMappedError, texts
from local_cloud.gateway.iam.services import NONE, TABLES

MEMBER = re.compile(r"\{([\w:]+)\}")
ACCOUNT_ONLY = frozenset(("iam", "sts"))
"""Services whose ARNs carry no region."""
SECRET_READS = frozenset(("GetSecretValue",))
SECRET_WRITES = frozenset(("CreateSecret", "PutSecretValue", "UpdateSecret"))
KMS_CRYPTOGRAPHY = frozenset((
    "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext", "ReEncrypt", "CreateGrant",
))  # fmt: skip


def _owner(call: Call, namespace: str, resource: str) -> str:
    if namespace in ACCOUNT_ONLY:
        return f"arn:aws:{namespace}::{ACCOUNT}:{resource}"
    return call.arn(namespace, resource)


def _members(call: Call, name: str) -> list[str]:
    value: object = call.fields.get(name)
    found = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, str) and item]


def _resources(call: Call, namespace: str, templates: tuple[str, ...]) -> list[str]:
    """Return the ARNs of the first alternative whose members the request has; none without any."""
    for template in templates:
        names = MEMBER.findall(template)
        members = [_members(call, name) for name in names]
        if not all(members):
            continue
        found: list[str] = []
        for values in itertools.product(*members):
            arns = [value for value in values if value.startswith("arn:")]
            if arns and (len(values) == 1 or values[-1].startswith("arn:")):
                found.append(arns[-1])
                continue
            filled = template
            for name, value in zip(names, values, strict=True):
                short = value.rsplit("/", 1)[-1] if value.startswith("arn:") else value
                filled = filled.replace(f"{{{name}}}", short)
            found.append(_owner(call, namespace, filled))
        return found
    return []


def _table_needs(call: Call) -> list[Need]:
    """Return the rights of an operation that a table knows."""
    table = TABLES[call.service]
    kind = table.kinds.get(call.operation)
    if kind is None:
        raise NotMappedError("the operation is not known")
    action = f"{table.namespace}:{table.actions.get(call.operation, call.operation)}"
    if kind == NONE:
        return [Need(action, "*")]
    found: list[Need] = []
    for one in kind.split("+"):
        name = one.removesuffix("?")
        resources = _resources(call, table.namespace, table.resources[name])
        if not resources and name == one:
            raise NotMappedError(f"the request names no {name}")
        found += [Need(action, resource) for resource in resources]
    return found


def _passed_roles(call: Call) -> list[Need]:
    """Return the right to pass each role that a request hands to a service."""
    table = TABLES.get(call.service)
    found: list[Need] = []
    passed: Mapping[str, str] = table.passes.get(call.operation, {}) if table else {}
    if call.service == iam_agents.NAMESPACE:
        passed = {"roleArn": f"{iam_agents.NAMESPACE}.amazonaws.com"}
    for path, service in passed.items():
        for role in texts(call.fields, path):
            arn = role if role.startswith("arn:") else iam_state.identity_arn("role", role)
            found.append(Need("iam:PassRole", arn, {"iam:passedtoservice": service}))
    return found


def _queue_needs(call: Call) -> list[Need]:
    """Return the rights on a queue, and on its key where messages are written or read."""
    path = call.path if re.fullmatch(r"/\d{12}/[\w.-]+/?", call.path) else ""
    url = call.text("QueueUrl") or path
    if path and not url.rstrip("/").endswith(path.rstrip("/")):
        raise NotMappedError("the request names two queues")
    if url:
        owner, _, name = url.rstrip("/").rpartition("/")
        account = owner.rpartition("/")[2] if re.fullmatch(r"\d{12}", owner.rpartition("/")[2]) else ACCOUNT
        call = _with(call, QueueUrl=f"arn:aws:sqs:{call.region}:{account}:{name}")
    found = _table_needs(call)
    if found[0].action in ("sqs:SendMessage", "sqs:ReceiveMessage"):
        arn = found[0].resource
        sends = found[0].action == "sqs:SendMessage"
        actions = ("GenerateDataKey", "Decrypt") if sends else ("Decrypt",)
        found += iam_keys.use(call, "sqs", iam_state.queue_key(arn), actions, {"aws:sqs:arn": arn})
    if call.operation == "StartMessageMoveTask":
        source, target = call.text("SourceArn"), call.text("DestinationArn")
        found += [Need("sqs:ReceiveMessage", source), Need("sqs:DeleteMessage", source)]
        found += [Need("sqs:SendMessage", target)] if target else []
    return found


def _topic_needs(call: Call) -> list[Need]:
    if call.operation == "Publish" and call.text("PhoneNumber"):
        return [Need("sns:Publish", "*")]
    found = _table_needs(call)
    if found[0].action == "sns:Publish":
        arn = found[0].resource
        found += iam_keys.use(
            call, "sns", iam_state.topic_key(arn), ("GenerateDataKey", "Decrypt"), {"aws:sns:topicArn": arn}
        )
    return found


def _event_needs(call: Call) -> list[Need]:
    """Return the rights of a call to EventBridge: each entry of PutEvents on its own, with its own keys."""
    if call.operation != "PutEvents":
        name = call.text("EventBusName")
        bus = name.rsplit("/", 1)[-1]
        # A rule of the default bus has no bus in its ARN; a rule's bus may be named by its ARN.
        fields = {member: value for member, value in call.fields.items() if member != "EventBusName"}
        if bus and (bus != "default" or call.operation in ("DescribeEventBus", "PutPermission")):
            fields["EventBusName"] = bus
        return _table_needs(_with_fields(call, fields))
    found: list[Need] = []
    for entry in parts(call.fields, "Entries"):
        bus = str(entry.get("EventBusName") or "default")
        resource = bus if bus.startswith("arn:") else call.arn("events", f"event-bus/{bus}")
        keys: Keys = {
            "events:source": str(entry.get("Source", "")),
            "events:detail-type": str(entry.get("DetailType", "")),
        }
        found.append(Need("events:PutEvents", resource, keys))
    if not found:
        raise NotMappedError("the request has no entry")
    return found


def _secret_needs(call: Call) -> list[Need]:
    """Return the rights on secrets and on their keys; an ARN or name means the secret's full ARN."""
    if call.operation == "BatchGetSecretValue":
        found = [Need("secretsmanager:BatchGetSecretValue", "*")]
        identifiers = _members(call, "SecretIdList")
        if not identifiers:
            raise NotMappedError("the request names no secret")
        for identifier in identifiers:
            found += _secret_needs(_named(call, "GetSecretValue", SecretId=identifier))
        return found
    identifier = call.text("SecretId")
    arn = iam_state.secret(identifier).get("ARN") or identifier
    if identifier:
        call = _with(
            call, SecretId=arn if arn.startswith("arn:") else call.arn("secretsmanager", f"secret:{arn}")
        )
    found = _table_needs(call)
    key = iam_state.secret_key(identifier) or iam_state.customer_key(call.text("KmsKeyId"))
    context = {"SecretARN": str(arn)}
    if call.operation in SECRET_READS:
        found += iam_keys.use(call, "secretsmanager", key, ("Decrypt",), context)
    elif call.operation in SECRET_WRITES and ("SecretString" in call.fields or "SecretBinary" in call.fields):
        found += iam_keys.use(call, "secretsmanager", key, ("GenerateDataKey", "Decrypt"), context)
    return found


def _parameter(name: str) -> str:
    """Return the resource of a parameter by name, name:version or ARN."""
    if name.startswith("arn:"):
        return name
    return f"parameter/{name.partition(':')[0].lstrip('/')}"


def _parameter_needs(call: Call) -> list[Need]:
    """Return the rights on parameters, and on the keys of those that are shown decrypted."""
    fields = dict(call.fields)
    for member in ("Name", "Path", "ResourceId"):
        if call.text(member):
            fields[member] = _parameter(call.text(member))
    if isinstance(fields.get("Names"), list):
        fields["Names"] = [_parameter(name) for name in _members(call, "Names")]
    found = _table_needs(_with_fields(call, fields))
    if call.fields.get("WithDecryption") and call.operation in ("GetParameter", "GetParameters"):
        for name in [*_members(call, "Name"), *_members(call, "Names")]:
            plain = name.partition(":")[0]
            context = {"PARAMETER_ARN": call.arn("ssm", _parameter(plain))}
            found += iam_keys.use(call, "ssm", iam_state.parameter_key(plain), ("Decrypt",), context)
    return found


def _key_needs(call: Call) -> list[Need]:
    """Return the rights on keys: an alias stands for its key, a ciphertext names the key that made it."""
    keys: Keys = {"kms:calleraccount": ACCOUNT}
    context: Document = call.fields.get("EncryptionContext") or {}
    if call.operation in KMS_CRYPTOGRAPHY and context:
        keys["kms:encryptioncontextkeys"] = list(context)
        keys |= {f"kms:encryptioncontext:{name.lower()}": str(value) for name, value in context.items()}
    identifier = call.text("KeyId") or iam_state.key_of_ciphertext(call.text("CiphertextBlob"))
    if identifier.startswith("alias/") or ":alias/" in identifier:
        keys["kms:requestalias"] = identifier[identifier.index("alias/") :]
    if call.operation == "ReEncrypt":
        source = iam_state.key_of_ciphertext(call.text("CiphertextBlob")) or call.text("SourceKeyId")
        ends = (("ReEncryptFrom", source), ("ReEncryptTo", call.text("DestinationKeyId")))
        if not all(end for _, end in ends):
            raise NotMappedError("the request names no key")
        return [Need(f"kms:{action}", _key(call, end), keys) for action, end in ends]
    fields = dict(call.fields)
    if identifier:
        fields["KeyId"] = _key(call, identifier)
    if call.text("TargetKeyId"):
        fields["TargetKeyId"] = _key(call, call.text("TargetKeyId"))
    return [Need(need.action, need.resource, keys) for need in _table_needs(_with_fields(call, fields))]


def _key(call: Call, identifier: str) -> str:
    if identifier.startswith("arn:"):
        return iam_state.key_arn(identifier) or identifier
    prefix = "" if identifier.startswith("alias/") else "key/"
    return iam_state.key_arn(identifier) or call.arn("kms", prefix + identifier)


def _log_needs(call: Call) -> list[Need]:
    """Return the rights on log groups; AWS evaluates a group as `log-group:NAME:log-stream:`."""
    identifier = call.text("logGroupIdentifier")
    if identifier and not call.text("logGroupName"):
        name = identifier.partition(":log-group:")[2].removesuffix(":*") or identifier
        call = _with(call, logGroupName=name)
    return _table_needs(call)


def _metric_needs(call: Call) -> list[Need]:
    found = _table_needs(call)
    namespace = call.text("Namespace")
    keys: Keys = (
        {"cloudwatch:namespace": namespace} if call.operation == "PutMetricData" and namespace else {}
    )
    return [
        Need(need.action, need.resource.replace(f":{call.region}:", "::") if "dashboard/" in need.resource
             else need.resource, keys)
        for need in found
    ]  # fmt: skip


def _identity_needs(call: Call) -> list[Need]:
    """Return the rights on roles, users and groups under their own paths."""
    fields = dict(call.fields)
    fields.setdefault("Path", "/")
    creates = call.operation.startswith("Create") and call.operation != "CreateAccessKey"
    keys: Keys = {}
    if call.text("PermissionsBoundary"):
        keys["iam:permissionsboundary"] = call.text("PermissionsBoundary")
    if call.text("PolicyArn") and call.operation.startswith(("Attach", "Detach")):
        keys["iam:policyarn"] = call.text("PolicyArn")
    kinds = {
        "RoleName": "role",
        "UserName": "user",
        "GroupName": "group",
        "InstanceProfileName": "instance-profile",
    }
    for member, kind in kinds.items():
        name = call.text(member)
        if name and creates:
            fields[member] = f"arn:aws:iam::{ACCOUNT}:{kind}{fields['Path']}{name}"
        elif name:
            fields[member] = iam_state.identity_arn(kind, name)
    found = [Need(need.action, need.resource, keys) for need in _table_needs(_with_fields(call, fields))]
    if call.operation == "AddRoleToInstanceProfile":
        found.append(Need("iam:PassRole", fields["RoleName"], {"iam:passedtoservice": "ec2.amazonaws.com"}))
    return found


def _session_needs(call: Call) -> list[Need]:
    found = _table_needs(call)
    if call.operation == "AssumeRole":
        keys: Keys = {
            f"sts:{member.lower()}": call.text(member)
            for member in ("ExternalId", "RoleSessionName") if call.text(member)
        }  # fmt: skip
        found = [Need(need.action, need.resource, keys) for need in found]
        if any(name.startswith("Tags.") for name in call.fields) or call.fields.get("Tags"):
            found.append(Need("sts:TagSession", found[0].resource, keys))
    return found


def _api_needs(call: Call) -> list[Need]:
    """Return the rights on API Gateway's management: the HTTP method on the path."""
    if call.method not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        raise NotMappedError(f"no action is known for {call.method}")
    path = (
        call.path.removeprefix("/v2").rstrip("/") if call.path.startswith("/v2/") else call.path.rstrip("/")
    )
    return [Need(f"apigateway:{call.method}", f"arn:aws:apigateway:{call.region}::{path}")]


def _distribution_needs(call: Call) -> list[Need]:
    """Return the right on what a CloudFront request's path names; its resources have no region."""
    kinds = {"distribution": "distribution", "vpc-origin": "vpcorigin"}
    kind = call.path.strip("/").split("/")[1]
    resource = f"{kinds.get(kind, kind)}/{call.text('Id') or '*'}"
    return [Need(f"cloudfront:{call.operation}", f"arn:aws:cloudfront::{ACCOUNT}:{resource}")]


def _dynamodb_needs(call: Call) -> list[Need]:
    return iam_dynamodb.needs(call) or _table_needs(call)


def _stream_needs(call: Call) -> list[Need]:
    return iam_dynamodb.stream_needs(call) or _table_needs(call)


def _with(call: Call, **members: str) -> Call:
    return _with_fields(call, call.fields | members)


def _named(call: Call, operation: str, **members: str) -> Call:
    return Call(
        call.service, operation, call.region, call.method, call.path, call.headers, call.query, call.body,
        call.fields | members,
    )  # fmt: skip


def _with_fields(call: Call, fields: Document) -> Call:
    return Call(
        call.service,
        call.operation,
        call.region,
        call.method,
        call.path,
        call.headers,
        call.query,
        call.body,
        fields,
    )


OWN_RULES: dict[str, Callable[[Call], list[Need]]] = {
    "apigateway": _api_needs,
    "bedrock-agentcore": iam_agents.needs,
    "bedrock-runtime": iam_models.model_needs,
    "cloudfront": _distribution_needs,
    "dynamodb": _dynamodb_needs,
    "dynamodbstreams": _stream_needs,
    "events": _event_needs,
    "iam": _identity_needs,
    "kms": _key_needs,
    "logs": _log_needs,
    "monitoring": _metric_needs,
    "s3": iam_s3.needs,
    "s3vectors": iam_models.vector_needs,
    "secretsmanager": _secret_needs,
    "sns": _topic_needs,
    "sqs": _queue_needs,
    "ssm": _parameter_needs,
    "sts": _session_needs,
}


def is_known(service: str) -> bool:
    """Whether this platform uses a service, so that its operations are mapped here."""
    return service in OWN_RULES or service in TABLES


def namespace_of(service: str) -> str:
    """Return the prefix of a service's actions."""
    own = {"bedrock-runtime": "bedrock"}
    return TABLES[service].namespace if service in TABLES else own.get(service, service)


def needs(call: Call) -> list[Need]:
    """Return every right that a call takes.

    Raises:
        NotMappedError: the operation is not mapped, or its resource cannot be told from the request.

    """
    if not call.operation:
        raise NotMappedError("the request names no operation, or more than one")
    rule = OWN_RULES.get(call.service, _table_needs)
    return [*rule(call), *_passed_roles(call)]
