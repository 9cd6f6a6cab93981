"""What must not be done to web ACLs."""

from tests.policy.mutation import Mutation, Place, altered, removed

ACL = ("aws:wafv2/webAcl:WebAcl", "nova-web-site-acl")
LOGGING = ("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "nova-web-site-logging")
RULES: Place = (*ACL, "rules")
KNOWN = "wafv2-webacl-rules"

MUTATIONS = (
    altered(KNOWN, "nothing is limited", (*RULES, 0, "statement", "rateBasedStatement"), None, unknown=RULES),
    altered(
        KNOWN, "bad inputs are counted", (*RULES, 2, "overrideAction"), {"count": {}}, unknown=RULES
    ),
    altered(
        KNOWN, "bad inputs are not known", (*RULES, 2, "statement", "managedRuleGroupStatement", "name"),
        "AWSManagedRulesLinuxRuleSet", unknown=RULES,
    ),
    altered(
        "wafv2-webacl-metrics", "a rule cannot be seen",
        (*RULES, 1, "visibilityConfig", "cloudwatchMetricsEnabled"), False,
    ),
    Mutation(
        rule="wafv2-webacl-logging", what="nothing is logged", at=ACL, change=removed(*LOGGING),
        unknown=(*LOGGING, "resourceArn"),
    ),
)  # fmt: skip
