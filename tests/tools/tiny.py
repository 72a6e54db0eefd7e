"""A tool for tests: HTTP/1.1 and WebSocket echo with the standard library alone, starts in a few hundredths of a second.

Listens on the unix socket in `$CONNECT_TOOL_SOCKET` (made 0600), else on `$TINY_HOST` (127.0.0.1):`$CONNECT_TOOL_PORT`; lives under
`$CONNECT_TOOL_PATH_PREFIX` if that is set. Run it as `python tests/tools/tiny.py`. Knobs, by environment:

  TINY_DELAY=s             wait before listening            TINY_NEVER=1        never listen
  TINY_EXIT_AFTER=s        end by itself, with TINY_EXIT_CODE (default 0)
  TINY_IGNORE_TERM=1       only SIGKILL ends it             TINY_TERM_DELAY=s   take that long to end on SIGTERM
  TINY_CHILDREN=n          children that sleep and ignore SIGTERM
  TINY_DAEMONS=n           the same, but double-forked into sessions of their own
  TINY_STATUS=n            the status of GET /              TINY_PRINT=text     a first line of output
  TINY_FRAME_OPTIONS=text  the header X-Frame-Options of GET /

Paths (any method unless named):

  /                  200 `tiny`                              /headers            JSON {method, target, headers: [[name, value], ...]}
  PUT /files/<path>  writes a file (relative to cwd)         GET /files/<path>   serves it, or 404
  /upload            counts the body: {bytes, sha256}        /uploads            {requests, bytes} so far
  /slow?chunks=5&interval=0.1&size=10   a chunked response   /bytes?n=1000000    that many bytes, with Content-Length
  /status?code=503   that status                             /cookie?set=<header>  answers that Set-Cookie header
  /redirect?to=/x    302                                     /never              no answer until the client leaves
  /pages/<any>       an HTML page with its path              /content?body=x&type=text/html&disposition=attachment    that response
  /env  /pids        JSON                                    /exit?code=3        ends the process after answering
  /print?text=x&times=1  writes lines to stdout              /abort              drops the connection without an answer
  /burn?seconds=0.5  uses that much processor time; with &in=child a child does that ends    /hold?n=1000000    keeps that much memory
  /ws (or any path with Upgrade: websocket): echoes text and binary messages, and answers pings. Text messages that are commands:
     `tiny:headers` (JSON as /headers), `tiny:close:<code>:<reason>`, `tiny:drop`, `tiny:send:<n>` (n binary bytes), `tiny:ping`.
     The first subprotocol offered is chosen.
"""

# ruff: noqa: ASYNC240, T201 - its files are tiny and its output is what is tested

import asyncio
import base64
import hashlib
import html
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

ENV = os.environ
LIMIT = 1 << 20
WS_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
DAEMON = f"import os, sys; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); {SLEEPER}"
uploads = {"requests": 0, "bytes": 0}
held: list[bytes] = []


@dataclass
class Request:
    """One request; its body is still in the reader."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = unquote(parts.path).removeprefix(ENV.get("CONNECT_TOOL_PATH_PREFIX", "").rstrip("/")) or "/"
        self.query = dict(parse_qsl(parts.query))
        self.unread = True

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name), None)

    def as_json(self) -> str:
        return json.dumps({"method": self.method, "target": self.target, "headers": self.headers})

    async def chunks(self) -> "list[bytes]":
        """The whole body in the pieces it came in."""
        self.unread = False
        if self.header("expect"):
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if (self.header("transfer-encoding") or "").lower() == "chunked":
            return await self._chunked()
        left, pieces = int(self.header("content-length") or 0), []
        while left:
            piece = await self.reader.read(min(left, 65536))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            pieces.append(piece)
            left -= len(piece)
        return pieces

    async def _chunked(self) -> list[bytes]:
        pieces = []
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            pieces.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        while (await self.reader.readline()).strip():
            pass
        return pieces

    async def answer(self, status: int, body: bytes | str = b"", *extra: tuple[str, str], kind: str = "text/plain; charset=utf-8") -> None:
        data = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} Tiny", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *(f"{k}: {v}" for k, v in extra)]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if self.method == "HEAD" else data))
        await self.writer.drain()

    async def answer_json(self, value: object) -> None:
        await self.answer(200, json.dumps(value), kind="application/json")


async def home(request: Request) -> None:
    frame_options = [("X-Frame-Options", ENV["TINY_FRAME_OPTIONS"])] if "TINY_FRAME_OPTIONS" in ENV else []
    await request.answer(int(ENV.get("TINY_STATUS", "200")), "tiny", *frame_options)


async def headers(request: Request) -> None:
    await request.answer(200, request.as_json(), kind="application/json")


async def files(request: Request) -> None:
    path = Path(request.path.removeprefix("/files/"))
    if request.method in ("PUT", "POST"):
        body = b"".join(await request.chunks())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        await request.answer(201)
    elif path.is_file():
        await request.answer(200, path.read_bytes(), kind="application/octet-stream")
    else:
        await request.answer(404, "no such file")


async def page(request: Request) -> None:
    await request.answer(200, f"<!doctype html><title>page</title><main>{html.escape(request.path)}</main>", kind="text/html")


async def content(request: Request) -> None:
    disposition = [("Content-Disposition", request.query["disposition"])] if "disposition" in request.query else []
    await request.answer(200, request.query.get("body", ""), *disposition, kind=request.query.get("type", "text/html"))


async def upload(request: Request) -> None:
    body = b"".join(await request.chunks())
    uploads["requests"] += 1
    uploads["bytes"] += len(body)
    await request.answer_json({"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})


async def upload_count(request: Request) -> None:
    await request.answer_json(uploads)


async def slow(request: Request) -> None:
    size = int(request.query.get("size", "10"))
    request.writer.write(b"HTTP/1.1 200 Tiny\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(int(request.query.get("chunks", "5"))):
        request.writer.write(f"{size:x}\r\n".encode() + bytes([48 + number % 10]) * size + b"\r\n")
        await request.writer.drain()
        await asyncio.sleep(float(request.query.get("interval", "0.1")))
    request.writer.write(b"0\r\n\r\n")
    await request.writer.drain()


async def many_bytes(request: Request) -> None:
    await request.answer(200, b"x" * int(request.query.get("n", "1000000")), kind="application/octet-stream")


async def status(request: Request) -> None:
    code = int(request.query.get("code", "200"))
    await request.answer(code, "" if code in {204, 304} else "status")


async def cookie(request: Request) -> None:
    await request.answer(200, "cookie", ("Set-Cookie", request.query.get("set", "tool=1")))


async def redirect(request: Request) -> None:
    await request.answer(302, "", ("Location", request.query.get("to", "/")))


async def never(request: Request) -> None:
    await request.reader.read(1)


async def environment(request: Request) -> None:
    await request.answer_json(dict(ENV))


async def pids(request: Request) -> None:
    await request.answer_json({"pid": os.getpid(), "parent": os.getppid(), "cwd": str(Path.cwd())})


async def end(request: Request) -> None:
    await request.answer(200, "bye")
    sys.stdout.flush()
    os._exit(int(request.query.get("code", "0")))


async def output(request: Request) -> None:
    for _ in range(int(request.query.get("times", "1"))):
        print(request.query.get("text", ""))
    sys.stdout.flush()
    await request.answer(200, "printed")


async def abort(request: Request) -> None:
    request.writer.transport.abort()


async def burn(request: Request) -> None:
    seconds = float(request.query.get("seconds", "0.5"))
    if request.query.get("in") == "child":
        code = f"import time\nwhile time.process_time() < {seconds}: pass"
        await (await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", code)).wait()
    else:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
    await request.answer(200, "burnt")


async def hold(request: Request) -> None:
    held.append(b"x" * int(request.query.get("n", "1000000")))
    await request.answer(200, "held")


ROUTES: dict[str, Callable[[Request], Awaitable[None]]] = {
    "/": home, "/headers": headers, "/upload": upload, "/uploads": upload_count, "/slow": slow, "/bytes": many_bytes, "/status": status,
    "/cookie": cookie, "/redirect": redirect, "/never": never, "/env": environment, "/pids": pids, "/exit": end, "/print": output,
    "/abort": abort, "/burn": burn, "/hold": hold, "/content": content,
}  # fmt: skip
FOLDERS: dict[str, Callable[[Request], Awaitable[None]]] = {"files": files, "pages": page}


class WebSocket:
    """The server's side of one WebSocket."""

    def __init__(self, request: Request) -> None:
        self.request, self.reader, self.writer = request, request.reader, request.writer

    async def run(self) -> None:
        key = self.request.header("sec-websocket-key") or ""
        accept = base64.b64encode(hashlib.sha1(f"{key}{WS_GUID}".encode()).digest()).decode()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
        if offered := self.request.header("sec-websocket-protocol"):
            lines.append(f"Sec-WebSocket-Protocol: {offered.split(',')[0].strip()}")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        message, kind = b"", 1
        while True:
            final, opcode, data = await self.frame()
            if opcode == 8:
                return await self.send(8, data)
            if opcode == 9:
                await self.send(10, data)
            if opcode > 2:
                continue
            message, kind = (message + data, kind) if opcode == 0 else (data, opcode)
            if final and not await self.command(message, kind):
                await self.send(kind, message)

    async def frame(self) -> tuple[bool, int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 127
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        long_mask = (mask * (size // 4 + 1))[:size]
        return bool(first & 128), first & 15, (int.from_bytes(data, "big") ^ int.from_bytes(long_mask, "big")).to_bytes(size, "big")

    async def send(self, opcode: int, data: bytes) -> None:
        size = len(data)
        head = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size) if size < 65536 else b"\x7f" + struct.pack("!Q", size)
        self.writer.write(bytes([128 | opcode]) + head + data)
        await self.writer.drain()

    async def command(self, message: bytes, kind: int) -> bool:
        """Do what a command message asks; False when it is none."""
        if kind != 1 or not message.startswith(b"tiny:"):
            return False
        word, _, argument = message[5:].decode().partition(":")
        if word == "headers":
            await self.send(1, self.request.as_json().encode())
        elif word == "close":
            code, _, reason = argument.partition(":")
            await self.send(8, struct.pack("!H", int(code)) + reason.encode())
        elif word == "drop":
            self.writer.transport.abort()
        elif word == "send":
            await self.send(2, b"x" * int(argument))
        elif word == "ping":
            await self.send(9, b"tiny")
        return True


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: list[tuple[str, str]] = []
    while text := (await reader.readline()).decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    return Request(line[0], line[1], headers, reader, writer)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: requests one after another until the client leaves."""
    try:
        while request := await read_request(reader, writer):
            if (request.header("upgrade") or "").lower() == "websocket":
                await WebSocket(request).run()
                break
            handler = FOLDERS.get(request.path.split("/")[1]) or ROUTES.get(request.path)
            if handler is None:
                await request.answer(404, "not found")
            else:
                await handler(request)
            if request.unread and request.method not in ("GET", "HEAD"):
                await request.chunks()
            if (request.header("connection") or "").lower() == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def on_term() -> None:
    if not ENV.get("TINY_IGNORE_TERM"):
        asyncio.get_running_loop().call_later(float(ENV.get("TINY_TERM_DELAY", "0")), os._exit, 0)


def spawn() -> None:
    for count, code in ((ENV.get("TINY_CHILDREN", "0"), SLEEPER), (ENV.get("TINY_DAEMONS", "0"), DAEMON)):
        for _ in range(int(count)):
            subprocess.Popen([sys.executable, "-I", "-c", code])


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, on_term)
    spawn()
    print(ENV.get("TINY_PRINT", "tiny is starting"), flush=True)
    if ENV.get("TINY_EXIT_AFTER"):
        loop.call_later(float(ENV["TINY_EXIT_AFTER"]), os._exit, int(ENV.get("TINY_EXIT_CODE", "0")))
    await asyncio.sleep(float(ENV.get("TINY_DELAY", "0")))
    if ENV.get("TINY_NEVER"):
        await asyncio.Event().wait()
    if path := ENV.get("CONNECT_TOOL_SOCKET"):
        os.umask(0o177)
        server = await asyncio.start_unix_server(serve, path, limit=LIMIT)
        os.umask(0o022)
    else:
        server = await asyncio.start_server(serve, ENV.get("TINY_HOST", "127.0.0.1"), int(ENV.get("CONNECT_TOOL_PORT", "0")), limit=LIMIT)
    print("tiny listens", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
