"""A tab that shows the tool of a session, and what a person does in it."""

from playwright.async_api import FrameLocator, Page, Request, expect

from tests.browser.page_objects import TOOL_TIMEOUT_MS
from tests.waiting import eventually

NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""What Chromium says of a request that it drops because an interface of the machine came up, as those of a session do as it starts."""


class ToolTab:
    """A page in which a session is opened. The tool is ready when it shows the selector `shows`."""

    def __init__(self, page: Page, shows: str) -> None:
        self.page = page
        self._shows = shows
        self._has_dropped_requests = False
        page.on("requestfailed", self._note_failure)

    @property
    def tool(self) -> FrameLocator:
        return self.page.frame_locator("#tool")

    async def wait_shown(self) -> None:
        """Waits until the session runs and the tool is ready. The page is loaded again if Chromium has dropped a part of the tool."""
        await expect(self.page.locator("#overlay")).to_be_hidden(timeout=TOOL_TIMEOUT_MS)

        async def is_shown() -> bool:
            if self._has_dropped_requests:
                self._has_dropped_requests = False
                await self.page.reload()
            return await self.tool.locator(self._shows).first.is_visible()

        await eventually(is_shown, every=0.2)
        await expect(self.page.locator("#state")).to_have_text("Running")

    async def type_line(self, line: str) -> None:
        """Types a line where the focus is, key by key."""
        await self.page.keyboard.type(line, delay=20)
        await self.page.keyboard.press("Enter")

    def _note_failure(self, request: Request) -> None:
        self._has_dropped_requests = self._has_dropped_requests or request.failure == NETWORK_CHANGED
