"""Makes the README's pictures of the site: `make screenshots`.

A platform of its own is started for it, so that they show the samples and nothing else; `--home` names one
that runs already.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.e2e.browsing import PASSWORD, Visit, chromium, new_person, visiting
from tests.e2e.running import CHECKOUT, Running

PICTURES = CHECKOUT / "docs" / "pictures"
RECORDING, VIDEO = CHECKOUT / "samples" / "trains.wav", CHECKOUT / "samples" / "yard.mp4"
QUESTION = "When does the last train leave?"
PERSON = "Grace"
DONE_MS = 120_000


def main() -> None:
    """Take the pictures, and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("--home", type=Path, help="state directory of a platform that runs")
    given: Path | None = parser.parse_args().home
    if given is not None:
        running = Running(given.resolve())
        running.read_credentials()
        _take(running)
        return
    with tempfile.TemporaryDirectory(prefix="nova-pictures-") as directory:
        running = Running(Path(directory).resolve())
        try:
            running.up()
            _take(running)
        finally:
            running.remove()


def _take(platform: Running) -> None:
    PICTURES.mkdir(exist_ok=True)
    new_person(platform, PERSON)
    with sync_playwright() as playwright, chromium(playwright) as browser:
        with visiting(browser, platform) as visit:
            visit.sign_in(PERSON, PASSWORD)
            for file in (RECORDING, VIDEO):
                _upload(visit, file)
            _ask(visit)
            visit.page.screenshot(path=PICTURES / "chat.png")
        with visiting(browser, platform, color_scheme="dark") as visit:
            visit.sign_in(PERSON, PASSWORD)
            visit.page.goto(f"{visit.site}/media")
            visit.page.get_by_role("link", name=VIDEO.name).first.click()
            expect(visit.page.locator("ol img")).to_have_count(4)
            # HAVE_ENOUGH_DATA (HTML, media elements): the first picture is there.
            expect(visit.page.locator("video")).to_have_js_property("readyState", 4)
            visit.page.set_viewport_size({"width": 1280, "height": 1000})
            visit.page.mouse.move(0, 0)
            visit.page.screenshot(path=PICTURES / "video.png")
    print(f"{PICTURES}: chat.png, video.png")  # noqa: T201 (what a person asked for)


def _upload(visit: Visit, file: Path) -> None:
    visit.page.goto(f"{visit.site}/media")
    visit.page.locator("input[type=file]").set_input_files(file)
    entry = visit.page.locator("li[data-item]", has_text=file.name).first
    expect(entry.locator("[data-status=completed]")).to_be_visible(timeout=DONE_MS)


def _ask(visit: Visit) -> None:
    visit.page.goto(f"{visit.site}/chat")
    visit.ask(QUESTION)
    expect(visit.page.get_by_text("Offline model")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
    # The list beside it shows the conversation a moment later.
    expect(visit.page.locator("aside li")).to_have_count(1)


if __name__ == "__main__":
    main()
