"""Migration in a Studio's own view on the page at `/`: the plan, the attempts with what is wrong, and their end."""

import pytest
from playwright.async_api import Page, expect

from services.store.db.database import Database
from tests import factories
from tests.browser.conftest import sign_in
from tests.browser.page_objects import studio_card
from tests.server import Server


async def create_desk(server: Server, newer: bool = True) -> None:
    """Adds a stopped Studio with a checkpoint, whose data is not there; and a newer template of its tool, if asked."""
    database = Database(server.database_url)
    world = server.world
    templates = [
        await factories.create_template(database, world.workspace_id, f"Xpra {version}", tool="XPRA", tool_version=version)
        for version in (("6.1", "6.2") if newer else ("6.1",))
    ]
    studio = await factories.create_studio(database, world, "Desk", template_id=templates[0])
    await factories.create_checkpoint(database, world, studio, "desk_1", template_id=templates[0])
    await database.close()


@pytest.mark.behaviour("B73", "B74", "B75")
async def test_a_plan_is_shown_and_carried_out_and_a_failed_attempt_is_told_and_discarded(page: Page, server: Server) -> None:
    await create_desk(server)
    await sign_in(page, server)
    await studio_card(page, "Desk").get_by_role("link", name="Details of Desk").click()
    await expect(page.locator("#migration-plan")).to_contain_text("Xpra 6.2 can be used in place of Xpra 6.1.")
    await expect(page.locator("#migration-plan")).to_contain_text("with the files of desk_1")
    await expect(page.locator("#migration-differences")).to_contain_text("version of the tool: 6.1 → 6.2")
    await page.get_by_role("button", name="Migrate").click()
    attempt = page.get_by_role("list", name="Attempts").locator("> li")
    await expect(attempt.locator(".badge")).to_have_text("failed")
    await expect(attempt.get_by_role("list", name="What is wrong")).to_be_visible()
    await expect(attempt).to_contain_text("start Desk, run the commands in it, stop it, and migrate it again")
    await expect(page.locator("#events li").filter(has_text="migration failed").first).to_be_visible()
    await attempt.get_by_role("link").click()
    await expect(page.locator("#migration-attempts")).to_contain_text("of Desk")
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator("#confirm")).to_contain_text("The Studio that was migrated stays as it is.")
    await page.locator("#confirm-yes").click()
    await expect(page.locator("#studio-gone")).to_be_visible()
    await page.get_by_role("link", name="All Studios").first.click()
    await studio_card(page, "Desk").get_by_role("link", name="Details of Desk", exact=True).click()
    await expect(attempt.locator(".badge")).to_have_text("discarded")
    await expect(attempt.get_by_role("button")).to_have_count(0)


@pytest.mark.behaviour("B73")
async def test_it_is_said_why_a_studio_cannot_be_migrated(page: Page, server: Server) -> None:
    await create_desk(server, newer=False)
    await sign_in(page, server)
    await studio_card(page, "Desk").get_by_role("link", name="Details of Desk").click()
    await expect(page.get_by_role("button", name="Migrate")).to_have_attribute("aria-disabled", "true")
    await expect(page.locator("#migration-plan")).to_contain_text("newer")
