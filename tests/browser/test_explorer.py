"""GraphiQL at `/explore`: offline, under a strict policy, with a subscription that works."""

import contextlib

from playwright.async_api import Page, expect

from tests.browser.page_objects import START, add_studio
from tests.server import Server


async def execute_once_taken_over(page: Page, answer: str) -> None:
    """GraphiQL takes a moment after a change of tab until it executes what it shows; a person presses again."""
    for _ in range(5):
        await page.get_by_label("Execute query").click()
        with contextlib.suppress(AssertionError):
            return await expect(page.locator(".result-window")).to_contain_text(answer, timeout=2000)
    raise AssertionError(await page.locator(".result-window").inner_text())


async def test_the_examples_run_and_the_subscription_is_live(page: Page, server: Server) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((server.url, "data:")) else foreign.append(request.url))
    studio = await add_studio(server)
    await page.goto(f"{server.url}/explore")
    await page.get_by_label("Access token").fill(server.world.secret)
    await page.get_by_role("button", name="Use").click()
    await page.get_by_label("Execute query").click()
    await expect(page.locator(".result-window")).to_contain_text("Analysis")
    await page.get_by_role("tab", name="Watch").click()
    await execute_once_taken_over(page, "StudioStatusSnapshot")
    await server.graphql(START, {"id": studio})
    await expect(page.locator(".result-window")).to_contain_text('"status": "RUNNING"')
    assert foreign == []


async def test_a_token_outlives_a_server_that_is_away_but_not_its_refusal(page: Page, server: Server) -> None:
    await page.goto(f"{server.url}/explore")
    await server.stop()
    await page.get_by_label("Access token").fill(server.world.secret)
    await page.get_by_role("button", name="Use").click()
    await expect(page.get_by_role("alert")).to_contain_text("does not answer")
    assert await page.evaluate("sessionStorage.length") == 1
    await server.start()
    await page.get_by_label("Access token").fill("sgt_wrong")
    await page.get_by_role("button", name="Use").click()
    await expect(page.get_by_role("alert")).to_contain_text("access token")
    assert await page.evaluate("sessionStorage.length") == 0
