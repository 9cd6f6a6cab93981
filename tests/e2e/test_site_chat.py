"""Conversations in a browser that take turns: another host, a person who stops, a process that dies."""

import os
import signal
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import PASSWORD, Visit, new_person, visiting
from tests.e2e.managed import sessions, silence
from tests.e2e.running import Running, eventually

SILENCE_S = 25.0
STOP_MS_MAX = 2_000
FREE_S = 60
"""The lock of an answer that broke off lasts half a minute."""
INTERRUPTED: dict[str, str] = {}


# The first of these tests runs before all others, so that a module's fixture would be made twice.
@pytest.fixture(scope="session")
def talker(platform: Running) -> str:
    return new_person(platform, "site-talker")


@pytest.mark.begins
def test_when_the_agents_process_dies_in_an_answer_the_page_says_so(
    platform: Running, browser: Browser, talker: str
) -> None:
    with visiting(browser, platform) as visit:
        visit.sign_in(talker, PASSWORD)
        visit.page.get_by_label("Managed (AgentCore)").check()
        visit.ask("Which recordings do I have?")
        expect(visit.page.get_by_text("Offline model")).to_be_visible()
        silence(platform, SILENCE_S)
        visit.ask("And which videos?")
        expect(visit.page.get_by_role("button", name="Stop")).to_be_visible()
        eventually(lambda: is_silent(platform), "the model is asked")
        session = session_of(visit)
        os.kill(sessions(platform)[session]["pid"], signal.SIGKILL)
        expect(visit.page.get_by_text("The answer broke off.")).to_be_visible()
        visit.check_accessibility()
        visit.ask("Are you there?")
        expect(visit.page.get_by_text("Try again in half a minute")).to_be_visible()
        INTERRUPTED["session"] = session
        visit.forget_refusals()


def test_the_managed_agent_answers_as_the_other_one_does_in_the_same_conversation(
    platform: Running, browser: Browser, talker: str
) -> None:
    with visiting(browser, platform, "phone") as visit:
        visit.sign_in(talker, PASSWORD)
        for number, host in enumerate(("Managed (AgentCore)", "Self-hosted"), start=1):
            visit.page.get_by_label(host).check()
            visit.ask(f"Hello, for the {number}. time")
            expect(visit.page.get_by_text("Offline model")).to_have_count(number)
            expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
        visit.page.reload()
        expect(visit.page.get_by_text("Offline model")).to_have_count(2)
        visit.check_width()


@pytest.mark.parametrize("host", ["Self-hosted", "Managed (AgentCore)"])
def test_who_stops_an_answer_goes_on_at_once(
    platform: Running, browser: Browser, talker: str, host: str
) -> None:
    with visiting(browser, platform) as visit:
        visit.sign_in(talker, PASSWORD)
        visit.page.get_by_label(host).check()
        silence(platform, SILENCE_S)
        visit.ask("Tell me everything")
        eventually(lambda: is_silent(platform), "the model is asked")
        visit.page.get_by_role("button", name="Stop").click()
        expect(visit.page.get_by_role("button", name="Send")).to_be_visible(timeout=STOP_MS_MAX)

        def answered() -> bool:
            visit.ask("Hello again")
            expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
            return visit.page.get_by_text("Offline model").count() > 0

        eventually(answered, "the session takes the next message", timeout_s=SILENCE_S / 2)
        visit.forget_refusals()


def test_a_conversation_is_deleted_from_its_list(platform: Running, browser: Browser, talker: str) -> None:
    with visiting(browser, platform) as visit:
        visit.sign_in(talker, PASSWORD)
        visit.ask("To be forgotten")
        expect(visit.page.get_by_text("Offline model")).to_be_visible()
        path = f"/chat/{session_of(visit)}"
        visit.page.on("dialog", lambda dialog: dialog.accept())
        entry = visit.page.locator("li", has=visit.page.locator(f'a[href="{path}"]'))
        entry.get_by_role("button", name="Delete this conversation").click()
        expect(entry).to_have_count(0)
        visit.page.goto(f"{visit.site}{path}")
        expect(visit.page.get_by_text("It does not exist (any more).")).to_be_visible()
        visit.forget_refusals()


def test_the_conversation_that_broke_off_goes_on_with_its_history(
    platform: Running, browser: Browser, talker: str
) -> None:
    with visiting(browser, platform) as visit:
        visit.sign_in(talker, PASSWORD)
        visit.page.goto(f"{visit.site}/chat/{INTERRUPTED['session']}")
        expect(visit.page.get_by_text("Which recordings do I have?")).to_be_visible()

        def answered() -> bool:
            visit.ask("And now?")
            expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
            return visit.page.get_by_text("Offline model").count() > 1

        eventually(answered, "the session goes on", timeout_s=FREE_S)
        visit.forget_refusals()


def is_silent(platform: Running) -> bool:
    """Whether the model was asked since it was told to be silent."""
    plans: list[dict[str, Any]] = httpx2.get(
        f"{platform.credentials['AWS_ENDPOINT_URL']}/_nova/faults",
        headers={"X-Nova-Admin": platform.credentials["AWS_SECRET_ACCESS_KEY"]},
        trust_env=False,
    ).json()["faults"]
    return all(plan["left"] == 0 for plan in plans)


def session_of(visit: Visit) -> str:
    """The session that the address names."""
    visit.page.wait_for_url("**/chat/*")
    return visit.page.url.rpartition("/")[2]
