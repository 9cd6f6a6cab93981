"""A browser in front of the site, as people have it: Debian's Chromium, on a desktop and on a phone."""

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request, expect

from tests.e2e.running import CHECKOUT, Running

PASSWORD = "Another-1-person-2"
AXE = CHECKOUT / "services" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "there is no Chromium: `scripts/install-system chromium` (Debian and Ubuntu: apt-get install chromium)"
)
WAIT_MS = 15_000

type Device = Literal["desktop", "phone"]

VIEWPORTS: dict[Device, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}


@dataclass
class Visit:
    """One person's page, and what the browser complained of meanwhile."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list[str])
    requests: list[Request] = field(default_factory=list[Request])

    def note(self, request: Request) -> None:
        """Remember a request."""
        self.requests.append(request)

    def sign_in(self, username: str, password: str) -> None:
        """Fill in the form, and wait for the first page."""
        self.page.goto(f"{self.site}/sign-in")
        self.page.get_by_label("User name or e-mail address").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.site}/chat")

    def go(self, name: str) -> None:
        """Go to a page by the navigation."""
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    def ask(self, text: str) -> None:
        """Send a message, by the keyboard, once the page takes one: not before the last answer has ended."""
        message = self.page.get_by_role("textbox", name="Message")
        message.fill(text)
        expect(self.page.get_by_role("button", name="Send")).to_be_enabled()
        self.page.keyboard.press("Enter")
        expect(message).to_have_value("")

    def forget_refusals(self) -> None:
        """Pass over what the browser says of answers that the page shows in its own words."""
        failed = ("Failed to load resource", "net::ERR")
        self.complaints[:] = [said for said in self.complaints if not said.startswith(failed)]

    def check_accessibility(self) -> None:
        """Have axe look at the page as it is, by the browser's own tools: no policy concerns them."""
        # Playwright's types leave open what the browser's own tools take and answer.
        tools = cast("Any", self.page.context.new_cdp_session(self.page))
        tools.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
        options = {
            "expression": "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify("
            "r.violations.map(v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary)])))",
            "awaitPromise": True,
            "returnByValue": True,
        }
        found = json.loads(tools.send("Runtime.evaluate", options)["result"]["value"])
        tools.detach()
        assert found == [], json.dumps(found, indent=1)

    def check_width(self) -> None:
        """Nothing is wider than the screen."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Generator[Browser]:
    """Debian's browser, with more flags; fails with what to do where there is none."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.fail(MISSING)
    given = [
        # Root, as in a container, has no sandbox.
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        *flags,
    ]
    browser = playwright.chromium.launch(executable_path=program, args=given)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def visiting(
    browser: Browser,
    platform: Running,
    device: Device = "desktop",
    color_scheme: Literal["dark", "light"] = "light",
) -> Generator[Visit]:
    """A window of its own: no cookies, no history. What the browser complains of fails the test."""
    site = str(platform.outputs()["site_url"])
    context = browser.new_context(**VIEWPORTS[device], locale="en-US", color_scheme=color_scheme)
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    page = context.new_page()
    visit = Visit(page, site)
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", visit.note)
    try:
        yield visit
        assert visit.complaints == [], visit.complaints
    finally:
        context.close()


def new_person(platform: Running, username: str) -> str:
    """Make a user with a password; returns the name."""
    platform.token_of_new_user(username)
    return username
