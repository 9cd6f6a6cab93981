"""What `make up` promises, from its last line to a payment: by the person that it prints, in one sitting."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import visiting
from tests.e2e.running import CHECKOUT, Running, eventually

SAMPLE = CHECKOUT / "samples" / "trains.wav"
TRANSCRIBED_MS = 60_000
WEATHER = "nova__get_weather_of_city"


def test_a_person_goes_all_the_way(platform: Running, browser: Browser) -> None:
    status = platform.status()
    printed = status["user"]
    with platform.api() as api:
        eventually(
            lambda: WEATHER in {tool["name"] for tool in api.get("/tools").json()["tools"]},
            "the agent has the tools that pay",
            timeout_s=60,
        )
    with visiting(browser, platform) as visit:
        page = visit.page
        assert visit.site == status["urls"]["site"]
        visit.sign_in(printed["username"], printed["password"])

        visit.go("Media")
        page.locator("input[type=file]").set_input_files(SAMPLE)
        entry = page.locator("li[data-item]", has_text=SAMPLE.name).first
        expect(entry.locator("[data-status=completed]")).to_be_visible(timeout=TRANSCRIBED_MS)
        entry.get_by_role("link").click()
        sentence = page.locator("button[data-start]").filter(has_text="last train")
        expect(sentence.first).to_be_visible()

        visit.go("Search")
        page.get_by_label("What are you looking for?").fill("the last train in the evening")
        page.get_by_label("Where").select_option("transcript")
        hit = page.locator("li[data-kind=transcript]").filter(has_text="last train").first

        def found() -> bool:
            page.get_by_role("search").get_by_role("button", name="Search").click()
            expect(page.get_by_text(re.compile(r"^\d+ results$"))).to_be_visible()
            return hit.is_visible()

        eventually(found, "the transcript is indexed")
        hit.get_by_role("link").click()
        expect(page.locator("button[data-start][aria-current=true]")).to_be_visible()

        visit.go("Chat")
        _ask(page, "When does the last train leave?")
        expect(page.get_by_text(re.compile("ten in the evening")).last).to_be_visible()
        _ask(page, "What is the weather in Lisbon?")
        expect(page.locator(f"[data-tool={WEATHER}][data-state=completed]")).to_be_visible()
        expect(page.get_by_text("Lisbon (PT)").last).to_be_visible()

        visit.go("Spend")
        payment = page.locator("li[data-payment=paid]").first
        expect(payment).to_contain_text("$0.01")
        expect(payment).to_contain_text("Lisbon")


def _ask(page: Page, text: str) -> None:
    """Send a message, and wait for the end of its answer."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=30_000)
