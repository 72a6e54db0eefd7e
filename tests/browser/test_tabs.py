"""Several tabs of one browser: they share the token while one of them is open, and nothing of it stays when all are closed."""

import pytest
from playwright.async_api import BrowserContext, Page, expect

from services.domain.access import Role
from tests.browser.page_objects import create_colleague
from tests.server import Server


@pytest.fixture
async def other_tab(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.mark.parametrize("path", ["/", "/explore"])
async def test_a_new_tab_does_not_ask_for_the_token_again(signed_in: Page, other_tab: Page, server: Server, path: str) -> None:
    await other_tab.goto(f"{server.url}{path}")
    await expect(other_tab.locator("#dashboard, .graphiql-container").first).to_be_visible()


async def test_the_token_is_in_no_cookie_and_in_nothing_that_outlives_the_tabs(
    signed_in: Page, context: BrowserContext, server: Server
) -> None:
    assert await signed_in.evaluate("localStorage.length") == 0
    assert all(server.world.secret not in cookie["value"] for cookie in await context.cookies())
    await signed_in.close()
    page = await context.new_page()
    await page.goto(f"{server.url}/")
    await expect(page.get_by_label("Access token")).to_be_visible()
    await expect(page.locator("#dashboard")).to_be_hidden()


async def test_a_waiting_tab_is_signed_in_by_another_and_both_are_signed_out_together(
    signed_in: Page, other_tab: Page, server: Server
) -> None:
    await signed_in.get_by_role("button", name="Sign out").click()
    await expect(signed_in.get_by_label("Access token")).to_be_visible()
    await other_tab.goto(f"{server.url}/")
    await other_tab.get_by_label("Access token").fill(server.world.secret)
    await other_tab.keyboard.press("Enter")
    await expect(signed_in.locator("#dashboard")).to_be_visible()
    await other_tab.get_by_role("button", name="Sign out").click()
    await expect(signed_in.get_by_role("alert")).to_contain_text("You signed out in another tab.")
    await expect(signed_in.locator("#dashboard")).to_be_hidden()
    await expect(other_tab.locator("#dashboard")).to_be_hidden()


async def test_a_tab_of_another_user_stays_signed_in(signed_in: Page, other_tab: Page, server: Server) -> None:
    token = await create_colleague(server, Role.VIEW, "grace")
    await other_tab.goto(f"{server.url}/explore")
    await other_tab.get_by_label("Access token").fill(token)
    await other_tab.get_by_role("button", name="Use").click()
    await expect(other_tab.locator(".graphiql-container")).to_be_visible()
    await signed_in.get_by_role("button", name="Sign out").click()
    await expect(signed_in.get_by_label("Access token")).to_be_visible()
    await expect(signed_in.locator("#dashboard")).to_be_hidden()
    assert await other_tab.evaluate("sessionStorage.getItem('studiograph.token')") == token
