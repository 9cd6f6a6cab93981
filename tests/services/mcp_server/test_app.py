"""The API beside the tools: what was spent, and approvals, each person's own."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from tests.services.support.api_checks import check_api
from tests.services.support.mcp_served import Served
from tests.services.support.paying import purchase
from tests.services.support.tokens import ALICE, BOB, token

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def served(dynamodb: "DynamoDBClient") -> Served:
    return Served(dynamodb)


def test_no_request_surprises_a_caller(served: Served) -> None:
    client = TestClient(served.api)
    check_api(client)


def test_payments_come_page_by_page(served: Served) -> None:
    for number in range(30):
        served.paying.payer.buy(purchase(f"{number}"))
    client = TestClient(served.api)
    headers = {"Authorization": f"Bearer {token(ALICE)}"}
    first = client.get("/api/spend", headers=headers).json()
    rest = client.get("/api/spend", params={"cursor": first["cursor"]}, headers=headers).json()
    assert (len(first["payments"]), len(rest["payments"]), rest["cursor"]) == (25, 5, None)
    times = [payment["occurred_at"] for payment in (*first["payments"], *rest["payments"])]
    assert times == sorted(times, reverse=True)


def test_what_the_table_answers_in_parts_is_put_together(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        served.paying.payer.buy(purchase(f"{number}"))
    user = purchase("0").user
    whole = served.paying.ledger.attempts(user, None).attempts
    client: Any = served.paying.dynamodb
    ask, asked = client.batch_get_item, list[int]()

    def in_parts(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - as the API calls it
        ((table, wanted),) = RequestItems.items()
        asked.append(len(wanted["Keys"]))
        first, rest = wanted["Keys"][:2], wanted["Keys"][2:]
        answer: dict[str, Any] = ask(RequestItems={table: {**wanted, "Keys": first}})
        return {**answer, "UnprocessedKeys": {table: {**wanted, "Keys": rest}} if rest else {}}

    monkeypatch.setattr(client, "batch_get_item", in_parts)
    assert served.paying.ledger.attempts(user, None).attempts == whole
    assert asked == [5, 3, 1]


class TestApi:
    def ask(self, served: Served, method: str, path: str, user: str = ALICE) -> tuple[int, Any]:
        event = {
            "resource": path,
            "path": path.removeprefix("/api"),
            "httpMethod": method,
            "headers": {"Authorization": f"Bearer {token(user)}", "host": "api.test"},
            "multiValueHeaders": {"Authorization": [f"Bearer {token(user)}"], "host": ["api.test"]},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "requestContext": {"path": path, "stage": "api", "identity": {"sourceIp": "127.0.0.1"}},
            "body": None,
            "isBase64Encoded": False,
        }
        answer = served.answer(event)
        return answer["statusCode"], json.loads(answer["body"])

    def test_payments_are_the_callers_and_sums_the_stacks(self, served: Served) -> None:
        served.paying.payer.buy(purchase("a"))
        status, alices = self.ask(served, "GET", "/api/spend")
        _, bobs = self.ask(served, "GET", "/api/spend", BOB)
        assert status == 200
        assert (alices["spent"], alices["left"], alices["limit_per_day"]) == ("0.01", "0.99", "1.00")
        assert alices["wallet"]["state"] == "ready"
        assert [payment["status"] for payment in alices["payments"]] == ["paid"]
        assert bobs["payments"] == []
        assert bobs["spent"] == "0.01"

    def test_an_approval_is_its_persons_and_is_decided_once(self, served: Served) -> None:
        waiting = served.paying.payer.buy(purchase("y", year=True)).approval
        assert waiting is not None
        path = f"/api/approvals/{waiting.id}"
        assert self.ask(served, "POST", f"{path}/approve", BOB)[0] == 404
        assert self.ask(served, "GET", "/api/approvals", BOB)[1] == {"items": []}
        status, approved = self.ask(served, "POST", f"{path}/approve")
        assert (status, approved["state"], approved["amount"]) == (200, "approved", "0.30")
        status, problem = self.ask(served, "POST", f"{path}/reject")
        assert (status, problem["type"]) == (409, "urn:nova:problem:approval-decided")
        assert self.ask(served, "POST", "/api/approvals/none/approve")[0] == 404

    def test_the_sites_server_asks_by_the_functions_url_as_the_person(self, served: Served) -> None:
        served.paying.payer.buy(purchase("by-url"))

        def by_url(headers: dict[str, str]) -> tuple[int, Any]:
            event = {
                "version": "2.0", "routeKey": "$default", "rawPath": "/api/spend", "rawQueryString": "",
                "headers": {"host": "url.test", "Authorization": "AWS4-HMAC-SHA256 ...", **headers},
                "requestContext": {
                    "domainName": "url.test",
                    "http": {"method": "GET", "path": "/api/spend", "sourceIp": "127.0.0.1"},
                },
                "isBase64Encoded": False,
            }  # fmt: skip
            answer = served.answer(event)
            return answer["statusCode"], json.loads(answer["body"])

        for user, count in ((ALICE, 1), (BOB, 0)):
            status, spend = by_url({"X-Nova-Authorization": f"Bearer {token(user)}"})
            assert (status, len(spend["payments"])) == (200, count)
        assert by_url({})[0] == 401

    def test_without_a_token_there_is_nothing(self, served: Served) -> None:
        event = {
            "path": "/spend", "httpMethod": "GET", "headers": {}, "multiValueHeaders": {}, "body": None,
            "queryStringParameters": None, "multiValueQueryStringParameters": None, "isBase64Encoded": False,
            "requestContext": {"path": "/api/spend", "identity": {"sourceIp": "127.0.0.1"}},
            "resource": "/spend",
        }  # fmt: skip
        assert served.answer(event)["statusCode"] == 401
