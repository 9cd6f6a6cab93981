"""The usage ledger on the local cloud's DynamoDB, by many turns at once."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from nova_agent_core.ledger import QuotaExceededError, Reservation, UsageLedger
from nova_agent_core.spending import Spending
from nova_common.model_prices import NANO

from tests.local_cloud.running import Running

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
TURN_NANOUSD = NANO // 50


def test_two_hundred_turns_at_once_against_a_quota_for_fifty(cloud: Running) -> None:
    client: Any = cloud.client("dynamodb")
    client.create_table(
        TableName="usage-of-all", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )  # fmt: skip
    ledger = UsageLedger(client, "usage-of-all")

    def turn(_: int) -> bool:
        reservation = Reservation(
            user="alice",
            turn=str(uuid.uuid4()),
            session=str(uuid.uuid4()),
            nanousd=TURN_NANOUSD,
            begun=NOW,
            until=NOW + timedelta(minutes=5),
        )
        try:
            ledger.reserve(reservation, NANO)
        except QuotaExceededError:
            return False
        ledger.settle(reservation, Spending(cost_nanousd=TURN_NANOUSD), is_failed=False)
        return True

    with ThreadPoolExecutor(20) as pool:
        taken = sum(pool.map(turn, range(200)))
    month = ledger.month("alice", "2026-11")
    assert taken == 50
    assert month.spent == month.committed == NANO
    assert month.days[21]["turns"] == 50
    ledger.forget("alice")
    assert ledger.month("alice", "2026-11").spent == 0
