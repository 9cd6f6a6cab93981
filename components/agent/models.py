"""Bedrock models as workloads call them, and the rights that this takes.

Creates: an application inference profile for a model whose cost is told apart.
"""

from dataclasses import dataclass, field, replace

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..account import Account
from ..joined import joined
from .model_ids import ModelId, parse_model_id

WORKLOAD_TAG = "workload"
"""Key of the tag by which Cost Explorer tells workloads apart, once the account activates it."""

_INVOKE = "bedrock:InvokeModel"
_INVOKE_STREAMING = "bedrock:InvokeModelWithResponseStream"
# What AWS says for the region of a request that a global profile sends on.
_NO_REGION = "unspecified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model or inference profile, as a role invokes it; raises ``ValueError`` for an id that is none."""

    id: str
    """As the API takes it: ``<provider>.<name>``, with the prefix of a profile if it is one."""
    region: str
    """Where it is called."""
    account: Account
    profile_arn: pulumi.Output[str] | None = None
    """Application inference profile by which it is called, so that its cost carries the profile's tags."""
    _parsed: ModelId = field(init=False)

    def __post_init__(self) -> None:
        """Take the id apart."""
        object.__setattr__(self, "_parsed", parse_model_id(self.id))

    @property
    def called_as(self) -> pulumi.Input[str]:
        """What the API is given as the model's id."""
        return self.id if self.profile_arn is None else self.profile_arn

    @property
    def metric_names(self) -> tuple[pulumi.Input[str], ...]:
        """What CloudWatch may call it as the dimension ``ModelId``.

        AWS does not say whether that is an application inference profile's ARN or the id at its end.
        """
        if self.profile_arn is None:
            return (self.id,)
        return (self.profile_arn, self.profile_arn.apply(lambda arn: arn.rpartition("/")[2]))

    @property
    def source_arn(self) -> pulumi.Output[str]:
        """ARN of the model, or of AWS's own profile that routes to it."""
        return self._model_arn(self.region) if self._parsed.scope == "region" else self._profile_arn()

    def grant_invoke(self, role: ServiceRole, *, streaming: bool) -> None:
        """Let ``role`` invoke it, also through Converse; with ``streaming`` also for streamed answers."""
        role.add(*self.statements(streaming=streaming))

    def statements(self, *, streaming: bool) -> tuple[Statement, ...]:
        """Return the rights that invoking it takes.

        A profile, AWS's own or an application's, needs the right on itself and on the model in each region
        that it may route to, the latter only through the profile; a global one also on the model's ARN
        without a region (Amazon Bedrock user guide, prerequisites for inference profiles).
        """
        actions = (_INVOKE, _INVOKE_STREAMING) if streaming else (_INVOKE,)
        label = "".join(part.capitalize() for part in self.id.replace(".", "-").replace(":", "-").split("-"))
        if self._parsed.scope == "region" and self.profile_arn is None:
            return (
                Statement(
                    sid=f"Invoke{label}",
                    actions=actions,
                    resources=(self._model_arn(self.region),),
                    region=self.region,
                ),
            )
        profile = self._profile_arn() if self.profile_arn is None else self.profile_arn
        regions = sorted({self.region, *self._parsed.destinations})
        through = {"bedrock:InferenceProfileArn": profile}
        routed = (
            Statement(sid=f"Invoke{label}", actions=actions, resources=(profile,), region=self.region),
            Statement(
                sid=f"Route{label}",
                actions=actions,
                resources=tuple(self._model_arn(region) for region in regions),
                conditions={"StringEquals": through},
                region=self.region,
            ),
        )
        if self._parsed.scope != "global":
            return routed
        anywhere = Statement(
            sid=f"RouteAnywhere{label}",
            actions=actions,
            resources=(self._model_arn(""),),
            conditions={"StringEquals": {**through, "aws:RequestedRegion": _NO_REGION}},
            region=self.region,
        )
        return (*routed, anywhere)

    def _model_arn(self, region: str) -> pulumi.Output[str]:
        # Models are nobody's: their ARNs have no account.
        return joined(
            "arn:",
            self.account.partition,
            f":bedrock:{region}::foundation-model/",
            self._parsed.foundation_model,
        )

    def _profile_arn(self) -> pulumi.Output[str]:
        return joined(
            "arn:",
            self.account.partition,
            f":bedrock:{self.region}:",
            self.account.account_id,
            f":inference-profile/{self.id}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfileArgs:
    """Which model, and whose cost it is."""

    model: Model
    workload: str


class ModelProfile(pulumi.ComponentResource):
    """An application inference profile: calls by it are billed under the stack's tags and the workload's.

    It routes where the model or AWS's profile does that it is made from, and never changes: another model is
    another profile.
    """

    model: Model
    """The same model, called by the profile."""

    def __init__(self, name: str, args: ModelProfileArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:agent:ModelProfile", name, None, opts)
        model, home = args.model, args.model.account.region
        profile = aws.bedrock.InferenceProfile(
            name,
            region=None if model.region == home else model.region,
            model_source=aws.bedrock.InferenceProfileModelSourceArgs(copy_from=model.source_arn),
            # Beside the provider's tags, which say whose the stack is.
            tags={WORKLOAD_TAG: args.workload},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.model = replace(model, profile_arn=profile.arn)
        self.register_outputs({"arn": profile.arn})
