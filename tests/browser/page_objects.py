"""What browser tests do on the pages: add a Studio, find its card, run a cell in JupyterLab."""

from playwright.async_api import FrameLocator, Locator, Page, expect

from services.domain.access import Role
from services.store.db.database import Database
from tests.factories import create_viewer
from tests.graphql_ids import global_id
from tests.server import Server

CREATE = """mutation ($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"""
START = """mutation ($id: ID!) { startStudio(input: { studioId: $id }) { ... on StudioPayload { studio { id } } } }"""
STOP = """mutation ($id: ID!) { stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { id } } } }"""
CONNECT = """mutation ($id: ID!) { connectStudio(input: { studioId: $id }) { ... on ConnectStudioPayload { url } } }"""
TOOL_TIMEOUT_MS = 60_000


async def add_studio(server: Server, name: str = "Analysis", **more: object) -> str:
    """Adds a Studio that does not run yet, and returns its id; `more` are further fields of the input."""
    fields = {
        "workspaceId": global_id("Workspace", server.world.workspace_id),
        "templateId": global_id("Template", server.world.template_id),
    }
    data = await server.graphql(CREATE, {"input": {**fields, "name": name, "autoStart": False, **more}})
    return str(data["createStudio"]["studio"]["id"])


async def create_colleague(server: Server, role: Role, user_name: str | None = None) -> str:
    """Adds a member to the world's workspace, and returns an access token of theirs."""
    database = Database(server.database_url)
    _, token = await create_viewer(database, server.world.workspace_id, role, user_name)
    await database.close()
    return token


async def open_session(tab: Page, server: Server, studio_id: str, token: str) -> None:
    """Opens the running session in `tab`, as the user who has `token`, and waits until it is connected."""
    data = await server.graphql(CONNECT, {"id": studio_id}, token)
    await tab.goto(data["connectStudio"]["url"])
    await expect(tab.locator("#state")).to_have_text("Running")


def studio_card(page: Page, name: str = "Analysis") -> Locator:
    """Returns the card of a Studio on the page `/`."""
    return page.get_by_role("article").filter(has_text=name)


async def run_a_cell(tab: Page, tool: FrameLocator) -> None:
    """Runs a cell of a new notebook as a person does: click, type, Shift+Enter."""
    await tool.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
    await expect(tool.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
    await tool.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    await tab.keyboard.type("print(6 * 7)")
    await tab.keyboard.press("Shift+Enter")
    await expect(tool.locator(".jp-OutputArea-output").filter(has_text="42").first).to_be_visible(timeout=TOOL_TIMEOUT_MS)
