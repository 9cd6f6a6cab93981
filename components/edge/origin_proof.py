"""The proof that a request came through the distribution.

Creates: two random values, of which one is sent and both are accepted.
"""

from dataclasses import dataclass

import pulumi
import pulumi_random as random

from ..rotation import current_slot, slot_generations

PROOF_HEADER = "X-Origin-Proof"
"""The header that the distribution adds to what it sends to the API, in place of one that a viewer sent."""
PROOF_LENGTH = 64
"""Letters and digits. A listener's condition compares at most 128 characters, and takes no notice of case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginProofArgs:
    """Which generation of the proof is sent."""

    generation: int
    """Counts up by one for a new value; raises ``ValueError`` below 1."""

    def __post_init__(self) -> None:
        """Check the generation."""
        current_slot(self.generation)


class OriginProof(pulumi.ComponentResource):
    """What only the distribution knows. It lies in the engine's encrypted state and in no output.

    A step of the generation makes a new value in the older one's place. Both are accepted before the
    distribution sends the new one, and while its edge locations go over to it one by one.
    """

    sent: pulumi.Output[str]
    accepted: tuple[pulumi.Output[str], ...]

    def __init__(self, name: str, args: OriginProofArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:OriginProof", name, None, opts)
        values = {
            slot: pulumi.Output.secret(
                random.RandomPassword(
                    f"{name}-{slot}",
                    length=PROOF_LENGTH,
                    special=False,
                    keepers={"generation": str(generation)},
                    opts=pulumi.ResourceOptions(parent=self),
                ).result
            )
            for slot, generation in slot_generations(args.generation).items()
        }
        self.sent = values[current_slot(args.generation)]
        self.accepted = tuple(values.values())
        self.register_outputs({})
