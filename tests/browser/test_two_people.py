"""Two people in one container: a shared address, both shown as connected, and a stop that the other is told of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from services.domain.access import Role
from tests import factories
from tests.browser.conftest import sign_in
from tests.browser.page_objects import listed_file, run_a_cell, studio_card
from tests.docker.built import provided
from tests.docker.server import Job, docker_job

pytestmark = [pytest.mark.docker, pytest.mark.slow]
URL = "query ($id: ID!) { studio(id: $id) { url } }"


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    async with docker_job(tmp_path, sqlite_url, image=await provided("jupyter"), port=8888) as made:
        yield made


@pytest.mark.behaviour("B50", "B51", "B52", "B54", "B56", "B57", "B58")
async def test_a_colleague_opens_the_shared_address_and_is_told_who_stopped_it(job: Job, page: Page, graces_tab: Page) -> None:
    _, graces_token = await factories.create_viewer(job.database, job.server.world.workspace_id, Role.CONNECT, "grace")
    await job.start()
    await job.status("RUNNING")
    await sign_in(page, job.server)
    async with page.context.expect_page() as opening:
        await studio_card(page, "Contained").get_by_role("button", name="Connect").click()
    adas_tab = await opening.value
    await expect(adas_tab.locator("#state")).to_have_text("Running")
    await run_a_cell(adas_tab, adas_tab.frame_locator("#tool"))

    shared = str((await job.server.graphql(URL, {"id": job.studio}))["studio"]["url"])
    await graces_tab.goto(shared)
    await graces_tab.get_by_label("Access token").fill(graces_token)
    await graces_tab.get_by_role("button", name="Sign in").click()
    await expect(graces_tab.locator("#state")).to_have_text("Running")
    await expect(graces_tab.locator("body")).to_contain_text("Signed in as")
    for tab in (adas_tab, graces_tab):
        await expect(tab.locator("#people")).to_contain_text("Ada")
        await expect(tab.locator("#people")).to_contain_text("Grace")
    await expect(studio_card(page, "Contained").locator(".people")).to_contain_text("Grace")
    tool = graces_tab.frame_locator("#tool")
    await expect(listed_file(tool, "Untitled.ipynb")).to_be_visible()

    await studio_card(page, "Contained").get_by_role("button", name="Stop").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop").click()  # others are connected
    await expect(graces_tab.locator("#overlay")).to_be_visible()
    await expect(graces_tab.locator("#overlay-code")).to_have_text("STUDIO_STOPPED")
    await expect(graces_tab.locator("#overlay-reason")).to_contain_text("ada")
    await job.status("STOPPED")

    await job.start()
    await expect(graces_tab.locator("#overlay")).to_be_hidden(timeout=60_000)
    await expect(graces_tab.locator("#state")).to_have_text("Running")
