"""What a tool's scripts and service workers reach of the shell, which has an origin of its own: nothing (B51, B58)."""

from urllib.parse import quote

import pytest
from playwright.async_api import Error, Frame, Page, expect

from tests.browser.conftest import Console
from tests.browser.page_objects import STOP, run_studio, sign_in_at_session, start_studio, tool_frame
from tests.server import Server

WORKER = """
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(clients.claim()));
self.addEventListener('fetch', (event) => event.respondWith((async () => {
  await (await caches.open('seen')).put(new Request(event.request.url), new Response(''));
  return new Response('<title>taken</title><main>taken by the worker</main>', { headers: { 'Content-Type': 'text/html' } });
})()));
"""
"""Answers every request of its origin, `/_sg/` too, and records the addresses that it sees."""

FORWARDING_WORKER = """
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(clients.claim()));
self.addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));
"""
REGISTER = """async (script) => {
  const claimed = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
  await navigator.serviceWorker.register(script, { scope: '/' });
  await claimed;
}"""
STORE = "document.cookie = 'own=1', localStorage.setItem('own', '2'), document.cookie + localStorage.getItem('own')"
SEEN = "async () => (await (await caches.open('seen')).keys()).map((request) => request.url)"


async def register(frame: Frame, worker: str) -> None:
    """Registers a service worker for the whole origin, as a script of the tool does."""
    await frame.evaluate(REGISTER, f"/content?type=text/javascript&body={quote(worker, safe='')}")


async def take_over(frame: Frame) -> None:
    """Registers the worker that answers everything, and lets it answer an address of ours."""
    await register(frame, WORKER)
    assert "taken" in await frame.evaluate("fetch('/_sg/probe').then((answer) => answer.text())")


@pytest.mark.behaviour("B51", "B58")
@pytest.mark.parametrize("is_signed_out", [False, True], ids=["signed in", "signed out since"])
async def test_a_service_worker_of_the_tool_replaces_neither_the_bar_nor_the_reason(
    graces_tab: Page, server: Server, is_signed_out: bool
) -> None:
    tab = graces_tab
    studio, url = await run_studio(server)
    await tab.goto(url)
    await sign_in_at_session(tab, server.world.secret)
    await take_over(await tool_frame(tab, "tiny"))
    if is_signed_out:
        await tab.context.clear_cookies()
    await tab.goto(url)
    if is_signed_out:
        await sign_in_at_session(tab, server.world.secret)
    await expect(tab.locator("#state")).to_have_text("Running")
    await expect(tab.locator("#people")).to_contain_text("Ada")
    frame = await tool_frame(tab, "taken by the worker")

    await server.graphql(STOP, {"id": studio})
    await expect(tab.locator("#overlay-reason")).to_contain_text("ada")
    await start_studio(server, studio)
    await expect(tab.locator("#overlay")).to_be_hidden()
    frame = await tool_frame(tab, "taken by the worker")
    seen = await frame.evaluate(SEEN)
    assert sorted(seen) == [frame.url, f"{frame.url}_sg/probe"]


async def test_a_tool_whose_service_worker_forwards_requests_is_shown_in_the_frame(graces_tab: Page, server: Server) -> None:
    _, url = await run_studio(server)
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    await register(await tool_frame(graces_tab, "tiny"), FORWARDING_WORKER)
    await graces_tab.goto(f"{url}pages/deep")
    frame = await tool_frame(graces_tab, "/pages/deep")
    await frame.evaluate("location.assign('/pages/next')")
    await tool_frame(graces_tab, "/pages/next")
    await frame.evaluate("document.body.innerHTML = '<form action=/upload method=post><button>Send</button></form>'")
    await graces_tab.frame_locator("#tool").get_by_role("button").click()
    await tool_frame(graces_tab, '"bytes": 0')


async def test_a_tool_in_the_frame_may_do_what_it_may_in_a_tab(graces_tab: Page, server: Server) -> None:
    console = Console()
    console.listen(graces_tab)
    _, url = await run_studio(server)
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    await graces_tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    frame = await tool_frame(graces_tab, "tiny")
    await graces_tab.frame_locator("#tool").locator("body").click()
    assert await frame.evaluate("navigator.clipboard.writeText('copied').then(() => navigator.clipboard.readText())") == "copied"
    assert await frame.evaluate(STORE) == "own=12"
    await frame.evaluate("document.documentElement.requestFullscreen()")
    graces_tab.on("dialog", lambda dialog: dialog.accept())
    assert await frame.evaluate("confirm('Really?')")
    assert console.complaints == []


async def test_scripts_of_the_tool_do_not_reach_the_page_around_it(graces_tab: Page, server: Server) -> None:
    _, url = await run_studio(server)
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    frame = await tool_frame(graces_tab, "tiny")
    for script in ("parent.document.title", "parent.location.href", "parent.frames[0].parent.document.cookie"):
        with pytest.raises(Error, match="cross-origin frame"):
            await frame.evaluate(script)
    shell = url.rstrip("/")
    assert await frame.evaluate("(url) => fetch(url).then(() => 'read', () => 'refused')", f"{shell}/_sg/state") == "refused"
    grant = "(url) => fetch(url, {method: 'POST', credentials: 'include'}).then(() => 'read', () => 'refused')"
    assert await frame.evaluate(grant, f"{shell}/_sg/grant") == "refused"
