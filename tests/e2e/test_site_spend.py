"""A person asks for what costs money, in a browser: what was paid is on the page, and is nobody else's."""

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import PASSWORD, Visit, new_person, visiting
from tests.e2e.running import Running, eventually

PAID = "nova__get_weather_of_city"
PAID_YEAR = "nova__get_weather_of_city_all_year"


@pytest.fixture(scope="module")
def payer(platform: Running) -> str:
    """Somebody whose agent has found the tools that pay."""
    person = new_person(platform, "site-payer")
    token = platform.aws("cognito-idp").initiate_auth(
        ClientId=platform.outputs()["user_pool_client_id"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]["AccessToken"]
    with platform.api(token) as client:
        eventually(lambda: offered(client), "the agent has the tools that pay", timeout_s=60)
    return person


def test_a_question_about_the_weather_is_paid_for_and_shown(
    platform: Running, browser: Browser, payer: str
) -> None:
    with visiting(browser, platform) as visit:
        visit.sign_in(payer, PASSWORD)
        visit.ask("What is the weather in Lisbon?")
        expect(visit.page.locator(f"[data-tool={PAID}][data-state=completed]")).to_be_visible()
        visit.go("Spend")
        expect(visit.page.get_by_text("Paid", exact=True)).to_be_visible()
        expect(visit.page.get_by_text("$0.01").first).to_be_visible()
        visit.check_accessibility()
    with visiting(browser, platform, "phone") as visit:
        visit.sign_in(new_person(platform, "site-saver"), PASSWORD)
        visit.go("Spend")
        expect(visit.page.get_by_text("Nothing was paid for you yet.")).to_be_visible()
        visit.check_accessibility()
        visit.check_width()
        visit.go("Approvals")
        expect(visit.page.get_by_text("Nothing waits for you.")).to_be_visible()
        visit.check_accessibility()
        visit.check_width()


def test_what_is_dear_is_approved_first_and_paid_once(
    platform: Running, browser: Browser, payer: str
) -> None:
    with visiting(browser, platform) as visit:
        page = visit.page
        visit.sign_in(payer, PASSWORD)
        before = _paid(visit)
        _ask_for_a_year(visit, "Lisbon")
        visit.go("Approvals")
        waiting = page.locator("li[data-approval=waiting]")
        expect(waiting).to_contain_text("$0.30")
        visit.check_accessibility()
        waiting.get_by_role("button", name="Approve").click()
        expect(page.locator("li[data-approval=approved]")).to_have_count(1)
        assert _paid(visit) == before
        _ask_for_a_year(visit, "Lisbon")
        visit.go("Approvals")
        expect(page.locator("li[data-approval=used]")).to_have_count(1)
        assert _paid(visit) == before + 1
        _ask_for_a_year(visit, "Osaka")
        visit.go("Approvals")
        waiting.get_by_role("button", name="Reject").click()
        expect(page.locator("li[data-approval=rejected]")).to_have_count(1)
        assert _paid(visit) == before + 1


def _ask_for_a_year(visit: Visit, city: str) -> None:
    visit.go("Chat")
    visit.ask(f"What is the climate of {city} over the whole year, month by month?")
    expect(visit.page.locator(f"[data-tool={PAID_YEAR}][data-state=completed]")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()


def _paid(visit: Visit) -> int:
    visit.go("Spend")
    expect(visit.page.get_by_text("left for today")).to_be_visible()
    return visit.page.locator("li[data-payment=paid]").count()


def offered(client: httpx2.Client) -> bool:
    """Whether the agent offers what is paid for."""
    return any(tool["name"] == PAID for tool in client.get("/tools").json()["tools"])
