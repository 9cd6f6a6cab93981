"""Rights to invoke Bedrock models. Creates nothing."""

from dataclasses import dataclass, field

import pulumi

from components.access.role import ServiceRole
from components.access.statements import Statement
from components.account import Account
from components.agent.model_ids import ModelId, parse_model_id

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
    _parsed: ModelId = field(init=False)

    def __post_init__(self) -> None:
        """Take the id apart."""
        object.__setattr__(self, "_parsed", parse_model_id(self.id))

    def grant_invoke(self, role: ServiceRole, *, streaming: bool) -> None:
        """Let ``role`` invoke it, also through Converse; with ``streaming`` also for streamed answers."""
        role.add(*self.statements(streaming=streaming))

    def statements(self, *, streaming: bool) -> tuple[Statement, ...]:
        """Return the rights that invoking it takes.

        A profile needs the right on itself and on the model in each region that it may route to, the latter
        only through the profile; a global one also on the model's ARN without a region (Amazon Bedrock user
        guide, prerequisites for inference profiles).
        """
        actions = (_INVOKE, _INVOKE_STREAMING) if streaming else (_INVOKE,)
        label = "".join(part.capitalize() for part in self.id.replace(".", "-").replace(":", "-").split("-"))
        if self._parsed.scope == "region":
            return (
                Statement(
                    sid=f"Invoke{label}",
                    actions=actions,
                    resources=(self._model_arn(self.region),),
                    region=self.region,
                ),
            )
        profile = self._profile_arn()
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
        if self._parsed.scope == "geography":
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
        return pulumi.Output.concat(
            "arn:",
            self.account.partition,
            f":bedrock:{region}::foundation-model/",
            self._parsed.foundation_model,
        )

    def _profile_arn(self) -> pulumi.Output[str]:
        return pulumi.Output.concat(
            "arn:",
            self.account.partition,
            f":bedrock:{self.region}:",
            self.account.account_id,
            f":inference-profile/{self.id}",
        )
