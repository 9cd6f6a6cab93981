"""What must not be done to APIs."""

from tests.policy.mutation import Mutation, altered, removed, set_at

STAGE = ("aws:apigateway/stage:Stage", "nova-api-stage")
SETTINGS = ("aws:apigateway/methodSettings:MethodSettings", "nova-api-throttling")
METHOD = ("aws:apigateway/method:Method", "nova-api-audio-get-method")
ASSOCIATION = ("aws:wafv2/webAclAssociation:WebAclAssociation", "nova-web-api-of-stage")
ACL = ("aws:wafv2/webAcl:WebAcl", "nova-web-api-acl")
LOG, TRACE = "apigateway-stage-access-log", "apigateway-methodsettings-data-trace"
EXECUTION, THROTTLING = "apigateway-stage-execution-log", "apigateway-stage-throttling"
WAF, PROOF = "apigateway-stage-waf", "apigateway-stage-origin-proof"

MUTATIONS = (
    altered(LOG, "there is no log", (*STAGE, "accessLogSettings"), None),
    altered(LOG, "the log is text", (*STAGE, "accessLogSettings", "format"), "$context.requestId"),
    altered("apigateway-stage-tracing", "traces are off", (*STAGE, "xrayTracingEnabled"), False),
    Mutation(
        rule=EXECUTION, what="errors are not logged", at=STAGE,
        change=set_at((*SETTINGS, "settings", "loggingLevel"), "OFF"),
        unknown=(*SETTINGS, "settings", "loggingLevel"),
    ),
    Mutation(
        rule=THROTTLING, what="there is no limit", at=STAGE,
        change=set_at((*SETTINGS, "settings", "throttlingRateLimit"), -1),
        unknown=(*SETTINGS, "settings", "throttlingRateLimit"),
    ),
    Mutation(
        rule=THROTTLING, what="the settings are removed", at=STAGE, change=removed(*SETTINGS),
        unknown=(*SETTINGS, "methodPath"), with_rules=(EXECUTION,),
    ),
    altered(TRACE, "whole requests are logged", (*SETTINGS, "settings", "dataTraceEnabled"), True),
    altered(
        "apigateway-method-authorization", "nobody has to sign in", (*METHOD, "authorization"), "NONE",
        needs=("apiKeyRequired", "httpMethod"),
    ),
    altered(
        "apigateway-method-validation", "requests are not checked", (*METHOD, "requestValidatorId"), None,
        needs=("httpMethod",),
    ),
    Mutation(
        rule=WAF, what="the web ACL stands before something else", at=STAGE, change=removed(*ASSOCIATION),
        unknown=(*ASSOCIATION, "resourceArn"), with_rules=(PROOF,),
    ),
    Mutation(
        rule=PROOF, what="the web ACL does not ask for the header", at=STAGE,
        change=set_at((*ACL, "rules", 0, "action"), {"count": {}}), unknown=(*ACL, "rules"),
        with_rules=("wafv2-webacl-rules",),
    ),
)  # fmt: skip
