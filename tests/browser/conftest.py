"""A headless Chromium, the machine's own; every test ends with nothing said on the console."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests import needs
from tests.server import Server

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT_MS = 30_000
EXPECTED = ("net::ERR_", "WebSocket connection to", "status of 401", "status of 503")
"""What Chromium itself says of a server or database that is away, or of a token that is refused."""

expect.set_options(timeout=LIMIT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needs.browser_program(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One person's browser: its tabs share cookies."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(LIMIT_MS)
    yield context
    await context.close()


@dataclass
class Console:
    """What a page complained about."""

    complaints: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in EXPECTED):
            self.complaints.append(message.text)


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab whose console stays silent."""
    page, console = await context.new_page(), Console()
    console.listen(page)
    yield page
    assert console.complaints == []


@pytest.fixture
async def graces_tab(browser: Browser) -> AsyncIterator[Page]:
    """A tab in the browser of a second person, Grace, which shares no cookie with the first."""
    context = await browser.new_context()
    context.set_default_timeout(LIMIT_MS)
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def signed_in(page: Page, server: Server) -> Page:
    """The page at `/`, with the world's owner signed in."""
    await sign_in(page, server)
    return page


async def sign_in(page: Page, server: Server, token: str | None = None) -> None:
    """Signs in on the page `/` with `token`, or that of the world's owner, and waits until it is live."""
    await page.goto(f"{server.url}/")
    await page.get_by_label("Access token").fill(token or server.world.secret)
    await page.keyboard.press("Enter")
    await page.get_by_role("status").filter(has_text="live").wait_for()
