"""Rules about REST APIs of API Gateway."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, each, is_certainly, is_set, may_be

API = "aws:apigateway/restApi:RestApi"
STAGE = "aws:apigateway/stage:Stage"
METHOD = "aws:apigateway/method:Method"
SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_EVERYTHING = "*/*"


@resource_rule(
    "apigateway-stage-access-log",
    severity=Severity.MEDIUM,
    types=(STAGE,),
    controls=(43,),
    references=("APIGateway.9",),
    description="A stage logs each request, as JSON.",
    remediation="Set accessLogSettings with a destinationArn, and a format that is an object of JSON.",
)
def access_log(stage: Resource, _options: Options) -> Iterable[str]:
    """Variables of the format stand for numbers, too, so that it is no JSON before they are filled in."""
    if not is_set(stage.at("accessLogSettings", "destinationArn")):
        yield "requests are not logged"
    written = stage.at("accessLogSettings", "format")
    if isinstance(written, str) and not (written.strip().startswith("{") and written.strip().endswith("}")):
        yield "its log is no JSON, so that nobody can ask it by field"


@resource_rule(
    "apigateway-stage-tracing",
    severity=Severity.LOW,
    types=(STAGE,),
    controls=(43,),
    references=("APIGateway.3",),
    description="A stage begins a trace for requests.",
    remediation="Set xrayTracingEnabled.",
)
def tracing(stage: Resource, _options: Options) -> Iterable[str]:
    """Without it nothing connects what the services behind it tell."""
    if not may_be(stage.at("xrayTracingEnabled"), True):
        yield "it traces nothing"


def _stages(graph: Graph) -> Iterator[tuple[Resource, tuple[Resource, ...]]]:
    """Yield each stage with the settings of all its methods."""
    for stage in graph.of_type(STAGE):
        found = (
            one
            for api in graph.targets(stage, "restApi", API)
            for one in graph.referring_to(api, SETTINGS, by="restApi")
            if may_be(one.at("methodPath"), _EVERYTHING)
        )
        yield stage, tuple(found)


@stack_rule(
    "apigateway-stage-execution-log",
    severity=Severity.MEDIUM,
    types=(STAGE, SETTINGS),
    controls=(43,),
    references=("APIGateway.1",),
    description="A stage logs what goes wrong in it.",
    remediation="Give the stage MethodSettings for */* with the loggingLevel ERROR or INFO.",
)
def execution_log(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for what stands nowhere else: errors of the gateway itself, such as a mapping that fails."""
    for stage, settings in _stages(graph):
        levels = [one.at("settings", "loggingLevel") for one in settings]
        if not any(may_be(level, "ERROR", "INFO") for level in levels):
            yield Finding(stage, "errors of the gateway are not logged")


@resource_rule(
    "apigateway-methodsettings-data-trace",
    severity=Severity.HIGH,
    types=(SETTINGS,),
    controls=(43,),
    description="No log holds whole requests and answers.",
    remediation="Leave dataTraceEnabled at false.",
)
def data_trace(settings: Resource, _options: Options) -> Iterable[str]:
    """Tokens and what people wrote would be in them."""
    if is_certainly(settings.at("settings", "dataTraceEnabled"), True, "true"):
        yield "requests and answers are logged as a whole"


@stack_rule(
    "apigateway-stage-throttling",
    severity=Severity.MEDIUM,
    types=(STAGE, SETTINGS),
    controls=(45,),
    description="A stage takes a number of requests a second that somebody chose.",
    remediation="Give the stage MethodSettings for */* with throttlingRateLimit and throttlingBurstLimit.",
)
def throttling(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Otherwise one API takes what all of the account's share; -1 is AWS's way to say so."""
    for stage, settings in _stages(graph):
        if not any(
            all(
                _limited(one.at("settings", limit))
                for limit in ("throttlingRateLimit", "throttlingBurstLimit")
            )
            for one in settings
        ):
            yield Finding(stage, "nothing limits how much it is asked")


def _limited(limit: Any) -> bool:
    return is_set(limit) and not is_certainly(limit, -1)


@resource_rule(
    "apigateway-method-authorization",
    severity=Severity.HIGH,
    types=(METHOD,),
    controls=(44,),
    references=("APIGateway.8",),
    description="A method asks who calls it.",
    remediation="Set authorization, or apiKeyRequired; a method that is for everybody takes an exception.",
)
def authorization(method: Resource, _options: Options) -> Iterable[str]:
    """Leave out what browsers ask beforehand: they send no credentials with it."""
    if (
        is_certainly(method.at("authorization"), "NONE")
        and not may_be(method.at("apiKeyRequired"), True)
        and not may_be(method.at("httpMethod"), "OPTIONS")
    ):
        yield "anybody may call it"


@resource_rule(
    "apigateway-method-validation",
    severity=Severity.LOW,
    types=(METHOD,),
    controls=(45,),
    description="A request that lacks what a method demands is refused before anything runs.",
    remediation="Set requestValidatorId.",
)
def validation(method: Resource, _options: Options) -> Iterable[str]:
    """Ask for a validator: without one, what a method demands is not looked at."""
    if not is_set(method.at("requestValidatorId")) and not may_be(method.at("httpMethod"), "OPTIONS"):
        yield "nothing checks its requests"


@stack_rule(
    "apigateway-stage-waf",
    severity=Severity.MEDIUM,
    types=(STAGE,),
    controls=(46,),
    references=("APIGateway.4",),
    description="A stage of production has a web ACL.",
    remediation="Associate a web ACL with the stage.",
    production=True,
)
def waf(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Also behind a distribution: a stage has an address of its own."""
    for stage in graph.of_type(STAGE):
        if not graph.referring_to(stage, ASSOCIATION, by="resourceArn"):
            yield Finding(stage, "no web ACL stands before it")


@stack_rule(
    "apigateway-stage-origin-proof",
    severity=Severity.HIGH,
    types=(API, STAGE, DISTRIBUTION),
    controls=(50,),
    description="An API of production behind a distribution takes requests of that distribution alone.",
    remediation="Let the distribution send a secret header, and the stage's web ACL block what lacks it; "
    "or give the API a policy.",
    production=True,
)
def origin_proof(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Whoever asks the stage's own address passes none of the distribution's rules."""
    for distribution in graph.of_type(DISTRIBUTION):
        origins = distribution.at("origins")
        if origins is UNKNOWN:
            continue
        sent = {name for origin in each(origins) for name in _headers(origin)}
        for api in graph.targets(distribution, "origins", API):
            if is_set(api.at("policy")):
                continue
            for stage in graph.referring_to(api, STAGE, by="restApi"):
                if not any(_asks_for(acl, sent) for acl in _web_acls(graph, stage)):
                    yield Finding(stage, "it can be reached past the distribution")


def _headers(origin: Any) -> Iterator[str]:
    for header in each(at(origin, "customHeaders")):
        name = at(header, "name")
        if isinstance(name, str):
            yield name.lower()


def _web_acls(graph: Graph, stage: Resource) -> Iterator[Resource]:
    for association in graph.referring_to(stage, ASSOCIATION, by="resourceArn"):
        yield from graph.targets(association, "webAclArn", WEB_ACL)


def _asks_for(acl: Resource, headers: set[str]) -> bool:
    rules = acl.at("rules")
    return rules is UNKNOWN or any(
        rule is UNKNOWN
        or (at(rule, "action", "block") is not None and _mentions(at(rule, "statement"), headers))
        for rule in each(rules)
    )


def _mentions(statement: Any, headers: set[str]) -> bool:
    """Whether a statement, or one inside of it, compares one of ``headers``."""
    if statement is UNKNOWN:
        return True
    if isinstance(statement, list):
        return any(_mentions(one, headers) for one in cast("list[Any]", statement))
    if not isinstance(statement, dict):
        return False
    name = at(statement, "singleHeader", "name")
    return (isinstance(name, str) and name.lower() in headers) or any(
        _mentions(member, headers) for member in cast("dict[str, Any]", statement).values()
    )
