"""What browser tests do on the pages: add a Studio, find its card, run a cell in JupyterLab."""

from playwright.async_api import Frame, FrameLocator, Locator, Page, expect

from services.domain.access import Role
from services.store.db.database import Database
from tests.factories import create_viewer
from tests.graphql_ids import global_id
from tests.server import Server
from tests.waiting import eventually

CREATE = """mutation ($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"""
START = """mutation ($id: ID!) { startStudio(input: { studioId: $id }) { ... on StudioPayload { studio { id } } } }"""
STOP = """mutation ($id: ID!) { stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { id } } } }"""
URL = "query ($id: ID!) { studio(id: $id) { status url } }"
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


async def run_studio(server: Server, name: str = "Analysis", **more: object) -> tuple[str, str]:
    """Adds a Studio and starts it. Returns its id, and the address of its session once it runs."""
    studio_id = await add_studio(server, name, **more)
    return studio_id, await start_studio(server, studio_id)


async def start_studio(server: Server, studio_id: str) -> str:
    """Starts a Studio once it is stopped. Returns the address of its session once it runs."""
    await _studio(server, studio_id, "STOPPED")
    await server.graphql(START, {"id": studio_id})
    return str((await _studio(server, studio_id, "RUNNING"))["url"])


async def _studio(server: Server, studio_id: str, status: str) -> dict[str, object]:
    async def studio() -> dict[str, object] | None:
        row: dict[str, object] = (await server.graphql(URL, {"id": studio_id}))["studio"]
        return row if row["status"] == status else None

    return await eventually(studio)


async def sign_in_at_session(tab: Page, token: str) -> None:
    """Signs in on the page to which the address of a session led, and waits until the shell is connected."""
    await tab.get_by_label("Access token").fill(token)
    await tab.get_by_role("button", name="Sign in").click()
    await expect(tab.locator("#state")).to_have_text("Running")


async def tool_frame(tab: Page, text: str = "") -> Frame:
    """Returns the frame of the tool in a session's tab, once it shows `text`."""
    await expect(tab.frame_locator("#tool").locator("body")).to_contain_text(text)
    frame = await (await tab.query_selector("#tool")).content_frame()  # type: ignore[union-attr]
    assert frame
    return frame


def studio_card(page: Page, name: str = "Analysis") -> Locator:
    """Returns the card of a Studio on the page `/`."""
    return page.get_by_role("article").filter(has_text=name)


async def run_a_cell(tab: Page, tool: FrameLocator) -> None:
    """Runs a cell of a new notebook as a person does: click, type, Shift+Enter."""
    await new_notebook(tab, tool)
    await type_cell(tab, tool, "print(6 * 7)")
    await expect_output(tool, "42")


async def new_notebook(tab: Page, tool: FrameLocator) -> None:
    """Opens a new notebook in JupyterLab, and waits for its kernel. On a busy machine JupyterLab asks whether to wait on."""
    await tab.add_locator_handler(tool.get_by_role("button", name="Continue waiting"), lambda button: button.click())
    await tool.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
    await expect(tool.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=TOOL_TIMEOUT_MS)


async def open_notebook(tab: Page, tool: FrameLocator) -> None:
    """Opens the notebook that `new_notebook` made."""
    await tab.add_locator_handler(tool.get_by_role("button", name="Continue waiting"), lambda button: button.click())
    await listed_file(tool, "Untitled.ipynb").dblclick(timeout=TOOL_TIMEOUT_MS)
    await expect(tool.locator(".jp-Notebook .jp-Cell .cm-content").first).to_be_visible(timeout=TOOL_TIMEOUT_MS)


def listed_file(tool: FrameLocator, name: str) -> Locator:
    """Returns the file in JupyterLab's file browser; its panel of collaborators lists what others have open."""
    return tool.locator(".jp-FileBrowser .jp-DirListing-itemText").filter(has_text=name)


async def type_cell(tab: Page, tool: FrameLocator, code: str) -> None:
    """Types into the notebook's last cell and runs it."""
    await tool.locator(".jp-Notebook .jp-Cell .cm-content").last.click()
    await tab.keyboard.type(code)
    await tab.keyboard.press("Shift+Enter")


async def expect_output(tool: FrameLocator, text: str) -> None:
    """Waits until a cell shows an output with `text`."""
    await expect(tool.locator(".jp-OutputArea-output").filter(has_text=text).first).to_be_visible(timeout=TOOL_TIMEOUT_MS)
