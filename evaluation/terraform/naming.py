"""Terraform's names for what the bridged AWS provider calls otherwise (pure).

The bridge makes its names by rule (pulumi-terraform-bridge, ``pkg/tfbridge/names.go``): words are joined in
camel case, lists get a plural, and blocks that occur once are no lists. Read backwards, a plural is
ambiguous: the provider names repeated blocks in the singular and lists of values in the plural, apart from
what stands here.
"""

import re
from collections.abc import Mapping

_MODULES: Mapping[str, str] = {
    "apigateway": "api_gateway_",
    "ec2": "",
    "servicediscovery": "service_discovery_",
}
"""What a module's types begin with, where that is not the module's own name."""

_TYPES: Mapping[str, str] = {
    "aws:apigateway/response:Response": "aws_api_gateway_gateway_response",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "aws_sqs_queue_redrive_allow_policy",
    "aws:sqs/redrivePolicy:RedrivePolicy": "aws_sqs_queue_redrive_policy",
}
_SERVICES: Mapping[str, str] = {
    "aws_bedrock_agentcore_": "aws_bedrockagentcore_",
    "aws_s3_vectors_": "aws_s3vectors_",
}
"""Services that the SDK puts into the module of another one."""

_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "apigateway": {"restApi": "rest_api_id", "deployment": "deployment_id"},
    "appautoscaling": {"dimensions": "dimensions", "metrics": "metrics"},
    "bedrock": {"requestHeaderAllowlists": "request_header_allowlist"},
    "budgets": {"ands": "and", "ors": "or"},
    "lambda": {"function": "function_name"},
    "servicediscovery": {"dnsRecords": "dns_records"},
    "wafv2": {"redactedFields": "redacted_fields"},
}
"""Names of inputs that follow no rule, by module."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def terraform_type(kind: str) -> str:
    """Return the provider's name of a type of AWS resource, from its token ``aws:module/name:Class``."""
    if kind in _TYPES:
        return _TYPES[kind]
    module = _module(kind)
    name = kind.split(":")[1].partition("/")[2]
    found = f"aws_{_MODULES.get(module, f'{module}_')}{snake_case(name)}"
    for start, written in _SERVICES.items():
        if found.startswith(start):
            return written + found.removeprefix(start)
    return found


def terraform_name(kind: str, name: str, *, repeated_block: bool) -> str:
    """Return the provider's name of an input of a type, or of a member of one of its blocks."""
    given = _PROPERTIES.get(_module(kind), {}).get(name)
    if given is not None:
        return given
    return snake_case(singular(name) if repeated_block else name)


def _module(kind: str) -> str:
    return kind.split(":")[1].partition("/")[0]


def snake_case(name: str) -> str:
    """Write a name in camel case as words with underscores between them."""
    return _CAPITAL.sub("_", name).lower()


def singular(name: str) -> str:
    """Return the singular of a name as the bridge makes plurals."""
    for plural, ending in (("ies", "y"), ("xes", "x"), ("ses", "s"), ("ss", "ss"), ("s", "")):
        if name.endswith(plural):
            return name.removesuffix(plural) + ending
    return name
