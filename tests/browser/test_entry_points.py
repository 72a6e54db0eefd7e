"""Addresses without a page of their own: they lead a browser on, and answer a program in few words."""

from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from tests.server import Server, running

HTML = {"Accept": "text/html,*/*;q=0.8"}


async def test_an_unknown_address_shows_a_page_with_ways_on(context: BrowserContext, server: Server) -> None:
    page = await context.new_page()  # whose console may tell of the 404
    response = await page.goto(f"{server.url}/nowhere")
    assert response is not None
    assert response.status == 404
    await expect(page.get_by_role("heading")).to_have_text("There is no page at this address")
    await page.get_by_role("link", name="All Studios").click()
    await expect(page.get_by_label("Access token")).to_be_visible()


async def test_a_browser_that_opens_the_address_of_the_api_gets_to_the_explorer(page: Page, server: Server) -> None:
    await page.goto(f"{server.url}/graphql")
    assert page.url == f"{server.url}/explore"
    await expect(page.get_by_label("Access token")).to_be_visible()


async def test_programs_get_a_line_of_text_and_the_error_of_the_api(server: Server) -> None:
    unknown = await server.http.get(f"{server.url}/nowhere")
    assert (unknown.status_code, unknown.text) == (404, "There is nothing at this path. The API is at /graphql.\n")
    assert (await server.http.get(f"{server.url}/graphql")).headers["content-type"].startswith("application/graphql-response+json")


async def test_only_pages_that_are_enabled_are_linked(tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url, page="false", explorer="false") as server:
        unknown = await server.http.get(f"{server.url}/nowhere", headers=HTML)
        assert unknown.status_code == 404
        assert "href=" not in unknown.text.split("<main>")[1]
        api = await server.http.get(f"{server.url}/graphql", headers=HTML)
        assert api.status_code == 200
        assert "This is the address of the GraphQL API" in api.text
