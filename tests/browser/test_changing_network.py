"""A page of ours whose scripts the network broke off loads again by itself."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.page_objects import add_studio, open_session, run_studio, studio_card
from tests.server import Server


def broken_off(times: int) -> Callable[[Route], Awaitable[None]]:
    """Returns a handler that breaks the first requests off, as Chromium does with all when the network changes."""
    left = [times]

    async def handle(route: Route) -> None:
        left[0] -= 1
        await (route.abort("internetdisconnected") if left[0] >= 0 else route.continue_())

    return handle


async def test_the_page_loads_again_until_its_scripts_are_there(page: Page, server: Server) -> None:
    await page.route("**/assets/log_dialog.js", broken_off(2))
    await page.goto(f"{server.url}/")
    await expect(page.get_by_label("Access token")).to_be_focused()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_the_page_says_it_when_its_scripts_never_come(page: Page, server: Server) -> None:
    await page.clock.install()
    await page.route("**/assets/log_dialog.js", broken_off(1000))
    await page.goto(f"{server.url}/")
    for _ in range(5):
        async with page.expect_navigation():
            await page.clock.fast_forward(10_000)
    await expect(page.locator("body")).to_contain_text("could not be loaded completely")


async def test_the_page_around_a_tool_loads_again_too(page: Page, server: Server) -> None:
    studio, _ = await run_studio(server)
    await page.route("**/_sg/shell.js*", broken_off(1))
    await open_session(page, server, studio, server.world.secret)


@pytest.mark.behaviour("B95")
async def test_a_press_that_the_network_broke_off_is_sent_again(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await signed_in.route("**/graphql", broken_off(2))
    await studio_card(signed_in).get_by_role("button", name="Start").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(signed_in.get_by_role("alert")).to_be_hidden()
