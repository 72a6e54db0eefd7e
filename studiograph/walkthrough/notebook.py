"""A client of a JupyterLab session behind the proxy: exchanges the one-time code, then runs cells over the kernel's WebSocket."""

import base64
import uuid
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from studiograph.walkthrough.api_client import ApiError


class Notebook:
    """One kernel of a connected session."""

    def __init__(self, http: aiohttp.ClientSession, dial: str, headers: dict[str, str]) -> None:
        self._http = http
        self._dial = dial
        self._headers = headers
        self._session = uuid.uuid4().hex
        self._kernel = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, dial: str, address: str) -> Self:
        """Exchanges the code in `address` for the tool's cookie; `dial` is `host:port`, reached with the Host header of each address.

        Raises ApiError.
        """
        return cls(http, dial, await exchange_code(http, dial, address))

    async def start_kernel(self) -> None:
        """Starts a kernel and opens its WebSocket. Raises ApiError."""
        await self._fetch_jupyter_cookie()
        async with self._http.post(f"http://{self._dial}/api/kernels", json={"name": "python3"}, headers=self._headers) as response:
            if response.status != 201:
                raise ApiError(f"starting a kernel was answered with {response.status}: {(await response.text())[:200]}")
            self._kernel = (await response.json())["id"]
        url = f"ws://{self._dial}/api/kernels/{self._kernel}/channels?session_id={self._session}"
        self._socket = await self._http.ws_connect(url, headers=self._headers, max_msg_size=0)

    async def _fetch_jupyter_cookie(self) -> None:
        """Fetches the cookie by which Jupyter recognises forged requests; Jupyter asks for it besides our cookie."""
        async with self._http.get(f"http://{self._dial}/lab", headers=self._headers) as response:
            await response.read()
            xsrf = response.cookies["_xsrf"].value
        self._headers |= {"X-XSRFToken": xsrf, "Cookie": f"{self._headers['Cookie']}; _xsrf={xsrf}"}

    async def upload(self, name: str, data: bytes) -> None:
        """Uploads a file into the directory of the notebooks. Raises ApiError."""
        body = {"type": "file", "format": "base64", "content": base64.b64encode(data).decode()}
        async with self._http.put(f"http://{self._dial}/api/contents/{name}", json=body, headers=self._headers) as response:
            if response.status not in (200, 201):
                raise ApiError(f"the upload was answered with {response.status}: {(await response.text())[:200]}")

    async def run(self, code: str) -> str:
        """Runs a cell and returns what it printed. Raises ApiError for an exception in it."""
        assert self._socket is not None
        header = {"msg_id": uuid.uuid4().hex, "session": self._session, "username": "", "version": "5.3", "msg_type": "execute_request"}
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        await self._socket.send_json(
            {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        )
        printed: list[str] = []
        while not _is_idle(message := await self._socket.receive_json(), header["msg_id"]):
            if message["parent_header"].get("msg_id") == header["msg_id"]:
                printed.append(_output(message))
        return "".join(printed).strip()

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()


async def exchange_code(http: aiohttp.ClientSession, dial: str, address: str) -> dict[str, str]:
    """Follows the redirect of `address` to the tool's origin, and returns the headers with which requests use the tool.

    `dial` is `host:port`, which serves every host. Raises ApiError.
    """
    at_the_tool = (await _visit(http, dial, address)).headers.get("Location", "")
    response = await _visit(http, dial, at_the_tool)
    if not response.cookies:
        raise ApiError(f"the code was answered with {response.status} and no cookie")
    url = urlsplit(at_the_tool)
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in response.cookies.items())
    return {"Host": url.netloc, "Origin": f"{url.scheme}://{url.netloc}", "Cookie": cookies}


async def _visit(http: aiohttp.ClientSession, dial: str, address: str) -> aiohttp.ClientResponse:
    url = urlsplit(address)
    async with http.get(f"http://{dial}{url.path}?{url.query}", headers={"Host": url.netloc}, allow_redirects=False) as response:
        return response


def _is_idle(message: dict[str, Any], request_id: str) -> bool:
    is_reply = message["parent_header"].get("msg_id") == request_id
    return bool(is_reply and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle")


def _output(message: dict[str, Any]) -> str:
    if message["msg_type"] == "error":
        raise ApiError(f"the cell failed: {message['content']['ename']}: {message['content']['evalue']}")
    return str(message["content"]["text"]) if message["msg_type"] == "stream" else ""
