"""What people do on the site beside talking in writing: media, search, documents, memory, voice."""

import re
import time
import wave
from pathlib import Path

import pytest
from nova_common.contracts.live import INPUT_RATE, SAMPLE_BYTES
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.e2e.browsing import PASSWORD, Device, Visit, chromium, new_person, visiting
from tests.e2e.running import CHECKOUT, Running
from tests.e2e.talking import spoken

SAMPLES = CHECKOUT / "samples"
DEVICES: tuple[Device, ...] = ("desktop", "phone")
TRANSCRIBED_MS = 60_000
"""An upload is transcribed or analysed within seconds, unless others' recordings are before it."""
INDEXED_S = 30
OPENING_SECONDS = 6
"""Until a conversation by voice is open."""
FACT = "The lighthouse at Cape Fern was painted blue in the year 1931."


@pytest.fixture(scope="module")
def person(platform: Running) -> str:
    return new_person(platform, "site-collector")


def uploaded(visit: Visit, file: Path, status: str = "completed") -> None:
    """Upload a file by the media page, and wait until it is what it becomes; the newest is the first."""
    visit.go("Media")
    visit.page.locator("input[type=file]").set_input_files(file)
    entry = visit.page.locator("li[data-item]", has_text=file.name).first
    expect(entry.locator(f"[data-status={status}]")).to_be_visible(timeout=TRANSCRIBED_MS)


def place_of(page: Page, element: str) -> float:
    """Where a player is, in seconds."""
    return float(page.locator(element).evaluate("player => player.currentTime"))


def searched_until(page: Page, hits: Locator) -> None:
    """Search again until it finds what is indexed a moment later; the caller says what has to be there."""
    until = time.monotonic() + INDEXED_S
    while not hits.count() and time.monotonic() < until:
        page.get_by_role("search").get_by_role("button", name="Search").click()
        expect(page.get_by_text(re.compile(r"^\d+ results$"))).to_be_visible()


@pytest.mark.parametrize("device", DEVICES)
def test_a_recording_becomes_a_transcript_that_plays_from_a_sentence(
    platform: Running, browser: Browser, person: str, device: Device
) -> None:
    with visiting(browser, platform, device) as visit:
        page = visit.page
        visit.sign_in(person, PASSWORD)
        uploaded(visit, SAMPLES / "bridge.wav")
        visit.check_accessibility()
        visit.check_width()
        page.get_by_role("link", name="bridge.wav").first.click()
        segments = page.locator("button[data-start]")
        expect(segments).to_have_count(4)
        expect(segments.nth(0)).to_contain_text("Speaker 1")
        visit.check_accessibility()
        visit.check_width()
        page.get_by_label("Find in the transcript").fill("spring")
        expect(segments).to_have_count(1)
        begins = float(segments.first.get_attribute("data-start") or "")
        segments.first.click()
        expect(segments.first).to_have_attribute("aria-current", "true")
        assert begins <= place_of(page, "audio") < begins + 2


def test_a_video_is_shown_with_what_happens_in_it(platform: Running, browser: Browser, person: str) -> None:
    with visiting(browser, platform) as visit:
        page = visit.page
        visit.sign_in(person, PASSWORD)
        uploaded(visit, SAMPLES / "yard.mp4")
        page.get_by_role("link", name="yard.mp4").first.click()
        expect(page.get_by_role("img", name="Timeline with 4 scenes and 2 anomalies")).to_be_visible()
        expect(page.locator("ol img")).to_have_count(4)
        visit.check_accessibility()
        page.get_by_role("button", name=re.compile("black", re.IGNORECASE)).first.click()
        # What the browser plays depends on its codecs; where it was told to is the page's doing.
        expect(page.locator("ol button[aria-current=true]")).to_have_attribute(
            "data-start", re.compile(r"^8")
        )
        # The same again, by words.
        visit.go("Search")
        page.get_by_label("What are you looking for?").fill("the picture is black")
        page.get_by_label("Where").select_option("frame")
        hits = page.locator("li[data-kind=frame]")
        searched_until(page, hits)
        expect(hits.first.locator("img")).to_be_visible()
        visit.check_accessibility()
        hits.first.get_by_role("link").click()
        page.wait_for_url(re.compile(r"/media/video/[0-9a-f-]+\?t=\d"))


def test_what_is_no_sound_is_refused_before_and_said_afterwards(
    platform: Running, browser: Browser, person: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all" * 100)
    notes = tmp_path / "notes.txt"
    notes.write_text("not for here")
    with visiting(browser, platform) as visit:
        visit.sign_in(person, PASSWORD)
        visit.go("Media")
        visit.page.locator("input[type=file]").set_input_files(notes)
        expect(visit.page.get_by_role("alert").filter(has_text="notes.txt")).to_be_visible()
        uploaded(visit, broken, "failed")
        visit.page.get_by_role("link", name="broken.wav").first.click()
        expect(visit.page.get_by_role("status").filter(has_text="Failed")).to_be_visible()
        visit.check_accessibility()


@pytest.mark.parametrize("device", DEVICES)
def test_a_document_is_added_found_and_removed(
    platform: Running, browser: Browser, person: str, device: Device
) -> None:
    title = f"Lighthouse on a {device}"
    with visiting(browser, platform, device) as visit:
        page = visit.page
        visit.sign_in(person, PASSWORD)
        visit.go("Documents")
        page.get_by_label("Title").fill(title)
        page.get_by_label("Text").fill(FACT)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Added.")).to_be_visible()
        expect(page.get_by_role("link", name=title)).to_be_visible()
        visit.check_accessibility()
        visit.check_width()
        visit.go("Search")
        page.get_by_label("What are you looking for?").fill("Which colour has the lighthouse?")
        found = page.locator("li[data-kind=document]").filter(has_text=title)
        searched_until(page, found)
        found.first.get_by_role("link").click()
        expect(page.get_by_text(FACT)).to_be_visible()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Delete").click()
        page.wait_for_url(f"{visit.site}/documents")


def test_what_is_remembered_can_be_seen_and_forgotten(
    platform: Running, browser: Browser, person: str
) -> None:
    with visiting(browser, platform) as visit:
        page = visit.page
        visit.sign_in(person, PASSWORD)
        page.get_by_role("textbox", name="Message").fill("Please remember that my favourite colour is teal.")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("[data-tool=remember][data-state=completed]")).to_be_visible()
        visit.go("Memory")
        note = page.get_by_role("listitem").filter(has_text="favourite colour is teal")
        expect(note).to_be_visible()
        visit.check_accessibility()
        note.get_by_role("button", name="Forget").click()
        expect(note).to_have_count(0)


def test_a_question_is_asked_and_answered_by_voice(
    platform: Running, playwright: Playwright, tmp_path: Path
) -> None:
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(INPUT_RATE)
        # A microphone hears before the model listens.
        file.writeframes(bytes(OPENING_SECONDS * INPUT_RATE * SAMPLE_BYTES))
        file.writeframes(spoken(tmp_path, "When does the last train leave?"))
    person = new_person(platform, "site-speaker")
    with (
        chromium(playwright, f"--use-file-for-fake-audio-capture={question}%noloop") as browser,
        visiting(browser, platform) as visit,
    ):
        page = visit.page
        page.context.grant_permissions(["microphone"])
        visit.sign_in(person, PASSWORD)
        visit.go("Voice")
        visit.check_accessibility()
        visit.check_width()
        page.get_by_role("button", name="Start talking").click()
        expect(page.locator("li[data-role=user]").first).to_contain_text("train", timeout=TRANSCRIBED_MS)
        expect(page.locator("[data-state=speaking]")).to_be_visible(timeout=TRANSCRIBED_MS)
        expect(page.locator("li[data-role=assistant]").last).to_contain_text(re.compile(r"\w{3}"))
        visit.check_accessibility()
        page.get_by_role("button", name="End", exact=True).click()
        expect(page.get_by_role("button", name="Start talking")).to_be_visible()
        earlier = page.get_by_role("region", name="Earlier conversations").get_by_role("link").first
        earlier.click()
        page.wait_for_url(re.compile(r"/voice/[0-9a-f-]+$"))
        expect(page.locator("li[data-role=user]").first).to_contain_text("train")
        visit.check_accessibility()
