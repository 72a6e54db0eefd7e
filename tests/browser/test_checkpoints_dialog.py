"""The dialog of a Studio's checkpoints on the page at `/`."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.page_objects import add_studio, start_studio, studio_card
from tests.server import Server


def row(page: Page, name: str) -> Locator:
    return page.locator(f'#checkpoint-list li[data-checkpoint="{name}"]')


async def opened(page: Page, studio: str = "Analysis") -> Locator:
    await studio_card(page, studio).get_by_role("button", name=f"Checkpoints of {studio}").click()
    dialog = page.locator("#checkpoints")
    await expect(dialog).to_be_visible()
    return dialog


@pytest.mark.behaviour("B32", "B34", "B35", "B38", "B40")
async def test_checkpoints_are_saved_renamed_deleted_started_from_and_cloned(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await start_studio(server, studio)
    dialog = await opened(signed_in)
    await expect(row(signed_in, "Analysis_1")).to_contain_text("empty")
    await dialog.get_by_role("button", name="Save a checkpoint now").click()
    await expect(row(signed_in, "Analysis_2")).to_contain_text("finalized")
    await expect(row(signed_in, "Analysis_2").get_by_role("button", name="Delete")).to_have_attribute(
        "title", "It is needed. Analysis: its next start continues from it."
    )

    await row(signed_in, "Analysis_2").get_by_role("button", name="Rename").click()
    await signed_in.locator("#checkpoint-name").fill("before the merge")
    await signed_in.keyboard.press("Enter")
    await expect(row(signed_in, "before_the_merge")).to_contain_text("finalized")

    await row(signed_in, "before_the_merge").get_by_role("button", name="Add as new").click()
    await signed_in.locator("#checkpoint-name").fill("Copy")
    await signed_in.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(studio_card(signed_in, "Copy").locator(".badge")).to_have_text("running")
    await opened(signed_in, "Copy")
    await expect(row(signed_in, "before_the_merge")).to_contain_text("inherited from Analysis")
    await expect(signed_in.locator("#checkpoint-lineage")).to_have_text("Made from Analysis.")
    await signed_in.keyboard.press("Escape")

    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    await opened(signed_in)
    await expect(row(signed_in, "Analysis_1")).to_contain_text("finalized")
    await row(signed_in, "before_the_merge").get_by_role("button", name="Start from here").click()
    await expect(dialog).to_be_hidden()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")


@pytest.mark.behaviour("B35")
async def test_a_checkpoint_that_nothing_needs_is_deleted_after_a_question(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await start_studio(server, studio)
    dialog = await opened(signed_in)
    for name in ("Analysis_2", "Analysis_3"):
        await dialog.get_by_role("button", name="Save a checkpoint now").click()
        await expect(row(signed_in, name)).to_contain_text("finalized")
    await row(signed_in, "Analysis_2").get_by_role("button", name="Delete").click()
    await expect(signed_in.locator("#confirm")).to_contain_text("Delete the checkpoint Analysis_2")
    await signed_in.locator("#confirm-yes").click()
    await expect(row(signed_in, "Analysis_2")).to_have_count(0)
    await expect(row(signed_in, "Analysis_3")).to_have_count(1)
