"""The page at `/` while the database is away: it says so, and goes on afterwards."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from services.store import migrate
from tests import postgres
from tests.browser.conftest import sign_in
from tests.browser.page_objects import add_studio, studio_card
from tests.server import Server, end_sessions, seed


@pytest.mark.postgres
async def test_a_database_outage_is_told_and_the_page_goes_on_afterwards(page: Page, tmp_path: Path) -> None:
    """It says neither that the token is wrong nor that the server has a bug."""
    alert, card = page.get_by_role("alert"), studio_card(page)
    with postgres.cluster_directory() as directory:
        with postgres.server(directory) as cluster:
            await cluster.create("outage")
            await migrate.upgrade(cluster.url("outage"))
            server = Server(tmp_path, cluster.url("outage"), await seed(cluster.url("outage")))
            await server.start()
            await sign_in(page, server)
            await add_studio(server)
            await expect(card.locator(".badge")).to_have_text("stopped")
            await cluster.run("CHECKPOINT")  # its end is as hard as a power cut, and its commits wait for no disk
        await card.get_by_role("button", name="Start Analysis").click()
        await expect(alert).to_contain_text("The database is not available at the moment. Try again in a few seconds")
        await expect(page.locator("#dashboard")).to_be_visible()
        with postgres.server(directory):
            await expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
            await card.get_by_role("button", name="Start Analysis").click()
            await expect(card.locator(".badge")).to_have_text("running")
            await expect(alert).to_be_hidden()
            await server.stop()
            await server.http.aclose()
            end_sessions(tmp_path)
