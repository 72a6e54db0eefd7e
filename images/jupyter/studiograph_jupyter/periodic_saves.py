"""Saves open documents that change all the time.

jupyter-server-ydoc saves a document one second after its last change. A cell that prints more often than that would not be saved before it
ends, and a stop of the session would lose all that it printed.
"""

import asyncio
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server_ydoc.rooms import DocumentRoom

SAVE_SECONDS = 5


class PeriodicSaves(ExtensionApp):
    """Saves every document whose save is put off, every `SAVE_SECONDS` and when the server stops."""

    name = "studiograph_jupyter"
    saving: asyncio.Task[None] | None = None

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        self.saving = asyncio.create_task(self._save_periodically())

    async def stop_extension(self) -> None:
        if self.saving is not None:
            self.saving.cancel()
        await self._save()

    async def _save_periodically(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()

    async def _save(self) -> None:
        await asyncio.gather(*(room._maybe_save_document(None, save_now=True) for room in self._unsaved_rooms()))

    def _unsaved_rooms(self) -> list[DocumentRoom]:
        """Returns the open documents whose save waits for their changes to pause; none if a user has switched collaboration off."""
        collaboration = self.serverapp.web_app.settings.get("jupyter_server_ydoc")
        rooms = collaboration.ywebsocket_server.rooms.values() if collaboration else ()
        return [room for room in rooms if isinstance(room, DocumentRoom) and room._saving_document and not room._saving_document.done()]
