"""What an event on the bus is to a worker that follows the event store: a wake-up, and nothing more.

It names an aggregate; what happened is read from the store. So duplicates, late messages and any order are
harmless, and whoever can send a message can tell no lies.
"""

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field


class WakeUp(BaseModel):
    """A message: an event of the bus, whose detail names the aggregate, or that detail alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    aggregate: str = Field(
        min_length=3, validation_alias=AliasChoices(AliasPath("detail", "aggregate"), "aggregate")
    )

    @property
    def kind(self) -> str:
        """The name of the aggregate's type, such as `Recording`."""
        return self.aggregate.partition("#")[0]
