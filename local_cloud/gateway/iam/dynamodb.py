"""Which rights a DynamoDB call takes: on tables and indexes, by partition key, for each transaction member.

Sources: "Actions, resources, and condition keys for Amazon DynamoDB" (service authorization reference) and
the developer guide's "Using IAM policy conditions for fine-grained access control".
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import keys as iam_keys
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.requests import Call, Keys, Need, NotMappedError

ITEM_OPERATIONS = frozenset(("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"))
BATCHES = frozenset(("BatchGetItem", "BatchWriteItem"))
TRANSACTIONS = frozenset(("TransactGetItems", "TransactWriteItems"))
STREAM_OPERATIONS = frozenset(("DescribeStream", "GetShardIterator", "GetRecords"))
MEMBERS = {
    "ConditionCheck": "ConditionCheckItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
}
"""Members of a transaction and the actions that they are authorized as ("DynamoDB Transactions: IAM")."""
UNKNOWN = "(not known from the request)"
"""Partition key of a query whose condition does not tell it: no policy names it, so that it is refused."""
EXPRESSIONS = (
    "ProjectionExpression", "UpdateExpression", "ConditionExpression", "FilterExpression",
    "KeyConditionExpression",
)  # fmt: skip
EXPRESSION_WORDS = frozenset(["SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"])
NAME = re.compile(r"(?<![:.\w#])(#?[A-Za-z_][\w-]*)(?!\s*\(|[\w-])")


def needs(call: Call) -> list[Need] | None:
    """Return the rights of an operation on items, None for any other operation."""
    if call.operation in ITEM_OPERATIONS:
        return _item_needs(call, call.operation, call.fields)
    if call.operation in BATCHES:
        return _batch_needs(call)
    if call.operation in TRANSACTIONS:
        return _transaction_needs(call)
    return None


def stream_needs(call: Call) -> list[Need] | None:
    """Return the rights of an operation that reads a stream; shard iterators carry the stream's ARN."""
    if call.operation not in STREAM_OPERATIONS:
        return None
    stream = stream_of(call.fields)
    if stream is None:
        raise NotMappedError("the request names no stream")
    found = [Need(f"dynamodb:{call.operation}", stream)]
    if call.operation == "GetRecords":
        found += _key_needs(call, _table_name(stream.partition("/stream/")[0]))
    return found


def stream_of(fields: Document) -> str | None:
    """Return the stream that a request reads; shard iterators carry its ARN."""
    if fields.get("StreamArn"):
        return fields["StreamArn"]
    try:
        return json.loads(base64.urlsafe_b64decode(str(fields.get("ShardIterator", "")))).get("arn")
    except (ValueError, binascii.Error, AttributeError):
        return None


def _table_name(table: str) -> str:
    return table.rsplit(":table/", 1)[-1].partition("/")[0]


def table_arn(call: Call, table: object) -> str:
    """Return the ARN of a table that a request names by name or ARN."""
    if not isinstance(table, str) or not table:
        raise NotMappedError("the request names no table")
    return table if table.startswith("arn:") else call.arn("dynamodb", f"table/{table}")


def _key_needs(call: Call, table: str) -> list[Need]:
    context = {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": ACCOUNT}
    return iam_keys.use(call, "dynamodb", iam_state.table_key(table), ("Decrypt",), context)


def _item_needs(call: Call, action: str, request: Document) -> list[Need]:
    """Return the rights of one operation on one table (or one of its indexes)."""
    table = table_arn(call, request.get("TableName"))
    name = _table_name(table)
    index = request.get("IndexName")
    resource = f"{table}/index/{index}" if index else table
    leading = _leading_keys(action, name, request)
    return [Need(f"dynamodb:{action}", resource, _keys(request, leading)), *_key_needs(call, name)]


def _batch_needs(call: Call) -> list[Need]:
    """Return the rights of a batch: its own action on each of its tables."""
    found: list[Need] = []
    for table, request in part(call.fields, "RequestItems").items():
        name = _table_name(table)
        partition = _partition_attribute(name, None)
        if call.operation == "BatchGetItem":
            items, attributes = parts(request, "Keys"), cast("Document", request)
        else:
            members: list[Document] = [member for entry in request for member in entry.values()]
            items = [part(member, "Key") or part(member, "Item") for member in members]
            attributes: Document = {}
        keys = _keys(attributes, _values(partition, items))
        found.append(Need(f"dynamodb:{call.operation}", table_arn(call, table), keys))
        found += _key_needs(call, name)
    if not found:
        raise NotMappedError("the batch names no table")
    return found


def _transaction_needs(call: Call) -> list[Need]:
    """Return the rights of every member: a transaction has no action of its own."""
    found: list[Need] = []
    for item in parts(call.fields, "TransactItems"):
        for member, request in item.items():
            if member not in MEMBERS:
                raise NotMappedError(f"{member} is no member of a transaction")
            found += [
                Need(need.action, need.resource, need.keys | {"dynamodb:enclosingoperation": call.operation})
                for need in _item_needs(call, MEMBERS[member], request)
            ]
    if not found:
        raise NotMappedError("the transaction has no member")
    return found


def _keys(request: Document, leading: list[str] | None) -> Keys:
    """Return the condition keys of one request: partition keys, attributes, what is returned."""
    keys: Keys = {}
    if leading is not None:
        keys["dynamodb:leadingkeys"] = leading
    attributes = _attributes(request)
    if attributes:
        keys["dynamodb:attributes"] = attributes
    for member, key in (
        ("ReturnValues", "returnvalues"),
        ("ReturnConsumedCapacity", "returnconsumedcapacity"),
    ):
        if isinstance(request.get(member), str):
            keys[f"dynamodb:{key}"] = request[member]
    chosen = "ProjectionExpression" in request or "AttributesToGet" in request
    keys["dynamodb:select"] = request.get("Select") or ("SPECIFIC_ATTRIBUTES" if chosen else "ALL_ATTRIBUTES")
    return keys


def _attributes(request: Document) -> list[str]:
    """Return the top-level attributes that a request names."""
    found = {
        name for member in ("Item", "Key", "Expected", "AttributeUpdates") for name in part(request, member)
    }
    found.update(request.get("AttributesToGet") or [])
    names: Mapping[str, str] = part(request, "ExpressionAttributeNames")
    for member in EXPRESSIONS:
        for word in NAME.findall(str(request.get(member) or "")):
            if word.upper() not in EXPRESSION_WORDS:
                found.add(names.get(word, word))
    return sorted(found)


def _partition_attribute(table: str, index: str | None) -> str | None:
    record = iam_state.table(table)
    schemas: list[Document] = [record]
    if index:
        indexes = [*record.get("GlobalSecondaryIndexes", []), *record.get("LocalSecondaryIndexes", [])]
        schemas = [entry for entry in indexes if entry["IndexName"] == index]
    for schema in schemas:
        for element in schema.get("KeySchema", []):
            if element["KeyType"] == "HASH":
                return element["AttributeName"]
    return None


def _text(value: object) -> str:
    """Return an attribute value (such as {"S": "user"}) as the text that policies compare."""
    if not isinstance(value, dict):
        return UNKNOWN
    members: Mapping[str, Any] = cast("Document", value)
    return next((str(member) for member in members.values()), UNKNOWN)


def _values(attribute: str | None, items: Iterable[object]) -> list[str]:
    if attribute is None:
        return [UNKNOWN]
    return [
        _text(cast("Document", item).get(attribute)) if isinstance(item, dict) else UNKNOWN for item in items
    ]


def _leading_keys(action: str, table: str, request: Document) -> list[str] | None:
    """Return the partition keys that a request addresses; None for a scan, which has none."""
    if action == "Scan":
        return None
    attribute = _partition_attribute(table, request.get("IndexName"))
    if action != "Query":
        return _values(attribute, [request.get("Key") or request.get("Item")])
    if attribute is None:
        return [UNKNOWN]
    legacy = part(request, "KeyConditions").get(attribute)
    if legacy:
        return [_text(value) for value in legacy.get("AttributeValueList", [])]
    names: Mapping[str, str] = part(request, "ExpressionAttributeNames")
    written = [
        re.escape(attribute),
        *(re.escape(short) for short, name in names.items() if name == attribute),
    ]
    expression = str(request.get("KeyConditionExpression") or "")
    found = re.findall(rf"(?<![\w#:])(?:{'|'.join(written)})\s*=\s*(:\w+)", expression)
    values = part(request, "ExpressionAttributeValues")
    return [_text(values.get(name)) for name in found] or [UNKNOWN]
