"""An agent on Bedrock AgentCore Runtime, and nothing else: no VPC, no store, no door of its own.

It may call one model. Callers invoke ``endpoint`` of ``runtime`` with IAM; the role of each needs the rights
of ``ManagedAgent.grant_converse``. Each change of the image makes a version; ``endpointVersion`` says which
one callers get. Policies ask for a runtime in a VPC; ``policies.json`` has them advise it alone: this one is
for trying, and its callers come with IAM either way.
"""

import nova_components.startup  # noqa: F401 - first, so that the program starts in half the time
import pulumi
from nova_components.account import current_account
from nova_components.agent.models import Model
from nova_components.agent.runtime import (
    AgentRuntime,
    AgentRuntimeArgs,
    runtime_environment,
    runtime_service_role,
)
from nova_components.agent.runtime_plan import RuntimeNetwork, RuntimePlan, SessionLimits
from nova_components.compute.image import Image, ImageArgs, registry_credentials
from nova_components.data.keys import Keys, KeysArgs
from nova_components.observe.alarms import Alerts, AlertsArgs
from nova_components.observe.log_watch import LogWatch, LogWatchArgs
from nova_components.observe.logs import LogPolicy
from nova_components.observe.severity import AlarmScope
from nova_components.providers import explicit_providers, ownership_tags

NAME = "assistant"
RETENTION_DAYS = 30
RECOVERY_DAYS = 7
SESSION_IDLE_SECONDS = 900
SESSION_SECONDS_MAX = 8 * 3600

config = pulumi.Config()


def given(key: str) -> str:
    """Return what the stack has to say, or end the program with how to say it."""
    if (value := config.get(key) or "[]") != "[]":
        return value
    raise pulumi.RunError(f"{config.full_key(key)} is missing: pulumi config set {key} <value>")


region = config.require("region")
providers = explicit_providers(region, ownership_tags(owner="assistant-team", cost_center="assistant"))
opts = pulumi.ResourceOptions(providers=providers)

account = current_account(region, pulumi.InvokeOutputOptions(provider=providers[0]))
keys = Keys(
    "keys", KeysArgs(account=account, recovery_days=RECOVERY_DAYS, protect=False, shared=True), opts=opts
)
alerts = Alerts(
    "alerts",
    AlertsArgs(
        account=account,
        keys=keys,
        email=config.get("alarmEmail") or "",
        runbook_url=config.require("runbooks"),
        scope=AlarmScope.ALL,
    ),
    opts=opts,
)
image = Image(
    f"{NAME}-image",
    ImageArgs(
        account=account,
        key=keys.images,
        folder="",
        protect=False,
        credentials=registry_credentials(pulumi.InvokeOutputOptions(provider=providers[0])),
        existing=given("image"),
    ),
    opts=opts,
)
role = runtime_service_role(f"{NAME}-role", account, opts)
model = Model(id=config.require("model"), region=region, account=account)
model.grant_invoke(role, streaming=True)
agent = AgentRuntime(
    NAME,
    AgentRuntimeArgs(
        account=account,
        logs=LogPolicy(retention_days=RETENTION_DAYS, key_arn=keys.logs.arn),
        log_watch=LogWatch("log-watch", LogWatchArgs(alerts=alerts), opts=opts),
        alerts=alerts,
        plan=RuntimePlan(
            network=RuntimeNetwork.PUBLIC,
            endpoint_version=config.get("endpointVersion") or "",
            sessions=SessionLimits(idle_seconds=SESSION_IDLE_SECONDS, lifetime_seconds=SESSION_SECONDS_MAX),
            application_logs=False,
        ),
        image=image,
        role=role,
        description="An assistant, with a machine for each session",
        environment={**runtime_environment(NAME, region), "MODEL_ID": model.called_as},
    ),
    opts=opts,
)
pulumi.export("runtime", agent.arn)
pulumi.export("endpoint", agent.managed.endpoint_name)
