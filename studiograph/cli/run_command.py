"""Runs the work of a command with the services that it uses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from studiograph.cli.options import load_settings
from studiograph.command_context import CommandContext, command_context
from studiograph.settings import Settings

Result = TypeVar("Result")


def run_command(work: Callable[[CommandContext], Awaitable[Result]], settings: Settings | None = None) -> Result:
    """Runs `work` with the services over the database of `settings`, by default those of the environment. Returns its result."""

    async def run() -> Result:
        async with command_context(settings or load_settings()) as context:
            return await work(context)

    return asyncio.run(run())
