"""Rules about Lambda."""

from collections.abc import Iterable

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, is_certainly, is_set, may_be, texts

FUNCTION = "aws:lambda/function:Function"
URL = "aws:lambda/functionUrl:FunctionUrl"
INVOKE = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
PERMISSION = "aws:lambda/permission:Permission"


@resource_rule(
    "lambda-functionurl-authorization",
    severity=Severity.HIGH,
    types=(URL,),
    controls=(58,),
    description="The URL of a function asks for a signature.",
    remediation="Set authorizationType to AWS_IAM.",
)
def url_authorization(url: Resource, _options: Options) -> Iterable[str]:
    """Refuse the other kind there is: everybody."""
    if not may_be(url.at("authorizationType"), "AWS_IAM"):
        yield "anybody may call it"


@resource_rule(
    "lambda-function-tracing",
    severity=Severity.LOW,
    types=(FUNCTION,),
    controls=(58,),
    references=("Lambda.7",),
    description="A function takes part in traces.",
    remediation="Set tracingConfig.mode to Active.",
)
def tracing(function: Resource, _options: Options) -> Iterable[str]:
    """Ask for it to begin traces, too, as it may be the first to be called."""
    if not may_be(function.at("tracingConfig", "mode"), "Active"):
        yield "it traces nothing"


@resource_rule(
    "lambda-function-concurrency",
    severity=Severity.LOW,
    types=(FUNCTION,),
    controls=(58,),
    description="Somebody has chosen how often a function runs at a time.",
    remediation="Set reservedConcurrentExecutions.",
)
def concurrency(function: Resource, _options: Options) -> Iterable[str]:
    """Refuse what may take all that the account has; -1 is AWS's way to say so."""
    limit = function.at("reservedConcurrentExecutions")
    if not is_set(limit) or is_certainly(limit, -1):
        yield "nothing limits how often it runs at a time"


@resource_rule(
    "lambda-function-runtime",
    severity=Severity.MEDIUM,
    types=(FUNCTION,),
    controls=(58,),
    references=("Lambda.2",),
    description="A function runs on what AWS still mends.",
    remediation="Choose a newer runtime.",
    options={
        "runtimes": {
            "type": "array",
            "items": {"type": "string"},
            "default": [
                "dotnet8", "dotnet10", "java17", "java21", "java25", "nodejs22.x", "nodejs24.x",
                "provided.al2023", "python3.11", "python3.12", "python3.13", "python3.14", "ruby3.3",
                "ruby3.4",
            ],
            "description": "Names of the runtimes that may be used",
        }
    },
)  # fmt: skip
def runtime(function: Resource, options: Options) -> Iterable[str]:
    """Leave out images, which bring their own."""
    named = function.at("runtime")
    if not may_be(function.at("packageType"), "Image") and not may_be(named, *options["runtimes"]):
        yield "its runtime is not one of those that may be used"


@stack_rule(
    "lambda-function-failures",
    severity=Severity.MEDIUM,
    types=(FUNCTION, INVOKE),
    controls=(58,),
    description="An event that a function fails on is kept.",
    remediation="Set deadLetterConfig of the function, or destinationConfig.onFailure of its "
    "FunctionEventInvokeConfig.",
)
def failures(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask every function: whether somebody calls it with events, no program says."""
    for function in graph.of_type(FUNCTION):
        invoked = graph.referring_to(function, INVOKE, by="functionName")
        if not is_set(function.at("deadLetterConfig", "targetArn")) and not any(
            is_set(one.at("destinationConfig", "onFailure", "destination")) for one in invoked
        ):
            yield Finding(function, "an event that it fails on twice is lost")


@resource_rule(
    "lambda-mapping-partial-batch",
    severity=Severity.MEDIUM,
    types=(MAPPING,),
    controls=(58,),
    description="Of a batch a function repeats what it failed on, and nothing else.",
    remediation="Set functionResponseTypes to ReportBatchItemFailures.",
)
def partial_batch(mapping: Resource, _options: Options) -> Iterable[str]:
    """Refuse what makes one bad message repeat nine good ones."""
    kinds = mapping.at("functionResponseTypes")
    if kinds is not UNKNOWN and "ReportBatchItemFailures" not in texts(kinds):
        yield "one failure repeats the whole batch"


@resource_rule(
    "lambda-permission-source",
    severity=Severity.HIGH,
    types=(PERMISSION,),
    controls=(59,),
    references=("Lambda.1",),
    description="A service may call a function on behalf of resources of one's own alone.",
    remediation="Set sourceArn or sourceAccount of the permission.",
)
def source(permission: Resource, _options: Options) -> Iterable[str]:
    """Refuse anybody, and services of AWS that would act for anybody."""
    principal = permission.at("principal")
    if not isinstance(principal, str) or not (principal == "*" or principal.endswith(".amazonaws.com")):
        return
    given = ("sourceArn", "sourceAccount", "principalOrgId")
    if not any(is_set(permission.at(key)) for key in given):
        yield "it admits what belongs to others"
