"""Erasing a person: their payments and approvals are removed, the sums of the days stay."""

from typing import TYPE_CHECKING

from nova_common.erasure import Belongings
from nova_mcp_server.erase import PaymentErasureSettings, removals

from tests.services.support.mcp_served import Served
from tests.services.support.paying import LEDGER_TABLE, purchase
from tests.services.support.tables import EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_one_person_is_forgotten_and_nobody_else(dynamodb: "DynamoDBClient") -> None:
    served = Served(dynamodb)
    payer, ledger = served.paying.payer, served.paying.ledger
    for user in (ALICE, BOB):
        payer.buy(purchase("one", user=user))
        payer.buy(purchase("two", user=user, year=True))
    settings = PaymentErasureSettings.from_env(
        {
            "SERVICE_NAME": "mcp-server-erase",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "DATA_KEYS_TABLE": "keys",
            "LEDGER_TABLE": LEDGER_TABLE,
        }
    )
    (forget,) = removals(settings, Belongings(dynamodb, EVENT_STORE_TABLE))
    # Two attempts with their places in the order, an approval, and what waits for it.
    assert forget(ALICE) == {"payment_items": 6}
    assert forget(ALICE) == {"payment_items": 0}
    assert ledger.attempts(ALICE, None).attempts == []
    assert ledger.approvals(ALICE) == []
    assert len(ledger.attempts(BOB, None).attempts) == 2
    items = dynamodb.scan(TableName=LEDGER_TABLE)["Items"]
    assert ALICE not in repr(items)
    (day,) = (item for item in items if item["sk"] == {"S": "total"})
    assert day["spent"] == {"N": "20000"}
