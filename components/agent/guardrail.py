"""What keeps harm out of conversations with a model.

Creates: a guardrail of Bedrock under a key of its own, a version of it, and its alarms.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..account import Account
from ..data.keys import DataKey
from ..observe.alarms import Alerts
from ..observe.sets.agent import guardrail_alarms
from .guardrail_plan import (
    HARMFUL,
    IDENTIFIERS,
    PROMPT_ATTACK,
    GuardrailPlan,
    GuardrailProfile,
    PersonalData,
)

BLOCKED_QUESTION = "I cannot answer this question."
BLOCKED_ANSWER = "I cannot give the answer to this question."
"""What people read in place of what was blocked: neither says which rule it was."""

_MESSAGES = (BLOCKED_QUESTION, BLOCKED_ANSWER)
_ACTIONS = {PersonalData.MASK: "ANONYMIZE", PersonalData.BLOCK: "BLOCK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailArgs:
    """What is kept out, under which key, and who hears of it."""

    account: Account
    plan: GuardrailPlan
    key: DataKey
    alerts: Alerts


class Guardrail(pulumi.ComponentResource):
    """A guardrail, used by a version of it: editing the draft changes nothing for those who use it.

    Every change makes a new version and leaves the old ones, so that tasks which still run go on with
    theirs; they go when the guardrail does.
    """

    arn: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, name: str, args: GuardrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:agent:Guardrail", name, None, opts)
        self._args = args
        guardrail = self._guardrail(name)
        self.arn = guardrail.guardrail_arn
        version = aws.bedrock.GuardrailVersion(
            f"{name}-version",
            guardrail_arn=self.arn,
            # A version is a copy of the draft: only a change of its own inputs makes another.
            description=f"rules {_fingerprint(args.plan)}",
            skip_destroy=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.version = version.version
        args.alerts.watch(name, guardrail_alarms(self.arn, self.version), parent=self)
        self.register_outputs({"arn": self.arn, "version": self.version})

    def grant_apply(self, role: ServiceRole) -> None:
        """Let ``role`` have its calls of models evaluated, in each region that the profile may use."""
        account, profile = self._args.account, self._args.plan.profile
        places = [] if profile is None else sorted({account.region, *profile.destinations})
        role.add(
            Statement(
                sid="ApplyGuardrail",
                actions=("bedrock:ApplyGuardrail",),
                resources=(
                    self.arn,
                    *(_profile_arn(account.in_region(place), profile) for place in places if profile),
                ),
            ),
            # Not limited to calls through Bedrock: its documentation names no such condition for guardrails,
            # and the key encrypts nothing but their rules.
            Statement(sid="DecryptGuardrail", actions=("kms:Decrypt",), resources=(self._args.key.arn,)),
        )

    def _guardrail(self, name: str) -> "aws.bedrock.Guardrail":
        plan, account = self._args.plan, self._args.account
        strength = plan.filter_strength
        harmful = [
            aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                type=kind, input_strength=strength, output_strength=strength
            )
            for kind in HARMFUL
        ]
        attack = aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
            type=PROMPT_ATTACK, input_strength=strength, output_strength="NONE"
        )
        return aws.bedrock.Guardrail(
            name,
            description=f"Conversations of {pulumi.get_project()}-{pulumi.get_stack()}",
            blocked_input_messaging=BLOCKED_QUESTION,
            blocked_outputs_messaging=BLOCKED_ANSWER,
            kms_key_arn=self._args.key.arn,
            content_policy_config=aws.bedrock.GuardrailContentPolicyConfigArgs(
                filters_configs=[*harmful, attack],
                tier_configs=[aws.bedrock.GuardrailContentPolicyConfigTierConfigArgs(tier_name=plan.tier)],
            ),
            sensitive_information_policy_config=_personal_data(plan.personal_data),
            cross_region_config=None
            if plan.profile is None
            else aws.bedrock.GuardrailCrossRegionConfigArgs(
                guardrail_profile_identifier=_profile_arn(account, plan.profile)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _personal_data(
    handling: PersonalData,
) -> "aws.bedrock.GuardrailSensitiveInformationPolicyConfigArgs | None":
    if handling is PersonalData.ALLOW:
        return None
    return aws.bedrock.GuardrailSensitiveInformationPolicyConfigArgs(
        pii_entities_configs=[
            aws.bedrock.GuardrailSensitiveInformationPolicyConfigPiiEntitiesConfigArgs(
                type=kind, action=_ACTIONS[handling]
            )
            for kind in IDENTIFIERS
        ]
    )


def _profile_arn(account: Account, profile: GuardrailProfile) -> pulumi.Output[str]:
    return account.arn("bedrock", f"guardrail-profile/{profile.id}")


def _fingerprint(plan: GuardrailPlan) -> str:
    """Return what changes with everything that a guardrail consists of."""
    rules = [asdict(plan), HARMFUL, IDENTIFIERS, _MESSAGES]
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:12]
