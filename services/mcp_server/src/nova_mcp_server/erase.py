"""Removes what a person has here: attempts to pay, with what was bought, and approvals.

What was paid stays in the sums of the days, which name nobody; events name the person's id alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, override

from nova_common import aws, erasure
from nova_common.contracts.payments import PAYMENT
from nova_common.erasure import Belongings, ErasureSettings, Removal
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.settings import Environment, TaskSettings

from nova_mcp_server.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentErasureSettings(TaskSettings):
    """What the erasure finds in its environment."""

    common: ErasureSettings
    ledger_table: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        """Those of `ErasureSettings` and LEDGER_TABLE."""
        return cls(common=ErasureSettings.read(environment), ledger_table=environment.text("LEDGER_TABLE"))


def removals(settings: PaymentErasureSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's items of the ledger."""
    del belongings
    client = aws.dynamodb(settings.common.region)
    events = DynamoEventStore(client, settings.common.event_store_table, EventRegistry((PAYMENT,)))
    ledger = Ledger(client, settings.ledger_table, events)

    def forget(user: str) -> Mapping[str, int]:
        return {"payment_items": ledger.forget(user)}

    return (forget,)


if __name__ == "__main__":
    erasure.main(PaymentErasureSettings.from_env, lambda settings: settings.common, removals)
