"""Studios and their checkpoints on a real server, beside a simple model of what each of them must hold."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schema.ids import decode
from services.compute.protocol import Upstream
from services.store.db.database import Database
from services.store.tables import core
from tests.compute.world import ask, get, put
from tests.graphql_ids import global_id
from tests.server import Server
from tests.waiting import eventually

RESULT = "{ __typename ... on Error { code message } ... on StudioPayload { studio { id } } }"
CREATE = f"mutation($input: CreateStudioInput!) {{ result: createStudio(input: $input) {RESULT} }}"
CLONE = f"mutation($input: CloneStudioInput!) {{ result: cloneStudio(input: $input) {RESULT} }}"
START = f"mutation($input: StartStudioInput!) {{ result: startStudio(input: $input) {RESULT} }}"
STOP = f"mutation($input: StopStudioInput!) {{ result: stopStudio(input: $input) {RESULT} }}"
MIGRATE = f"mutation($input: MigrateStudioInput!) {{ result: migrateStudio(input: $input) {RESULT} }}"
DELETE = "mutation($input: StudioActionInput!) { result: deleteStudio(input: $input) { __typename ... on Error { code message } } }"
SAVE = """mutation($input: CheckpointNowInput!) { result: checkpointNow(input: $input) { __typename
  ... on Error { code message } ... on CheckpointPayload { checkpoint { id } } } }"""
RENAME = "mutation($input: RenameCheckpointInput!) { result: renameCheckpoint(input: $input) { __typename ... on Error { code message } } }"
REMOVE = "mutation($input: DeleteCheckpointInput!) { result: deleteCheckpoint(input: $input) { __typename ... on Error { code message } } }"
LOOK = """query($id: ID!) { studio(id: $id) { status statusMessage migrationAttempts { state }
  checkpoints(first: 100) { nodes { id name status inherited } } } }"""
PATHS = [f"f{number}" for number in range(5)]
LIMIT_S = 120.0
LONGEST_STEP_S = 0.7
"""In which a step of the tiny tool's session is over: kills fall before, between and after its parts."""
Files = dict[str, str]


@dataclass(slots=True)
class ModelCheckpoint:
    """A checkpoint of the model."""

    id: str
    name: str
    files: Files


@dataclass(slots=True, eq=False)
class ModelStudio:
    """A Studio of the model. `saved` are its own checkpoints in the order of their saves; `running` are the files of its session.

    `base` is the checkpoint that it was made from; `written_to` the one that its session is saved to, and `began_from` where it began.
    `is_newest_release`: its template cannot be migrated any further.
    """

    id: str
    name: str
    base: ModelCheckpoint | None = None
    saved: list[ModelCheckpoint] = field(default_factory=list)
    running: Files | None = None
    written_to: str = ""
    began_from: ModelCheckpoint | None = None
    is_newest_release: bool = False

    @property
    def latest(self) -> ModelCheckpoint | None:
        return self.saved[-1] if self.saved else self.base


class CheckpointModel:
    """Runs random commands on a server, each also on the model, and compares the two."""

    def __init__(self, server: Server, database: Database, chance: random.Random, *, migrates: bool = False) -> None:
        """`migrates`: the template of the world has a newer release, which Studios are migrated to."""
        self.server, self.database, self.chance, self.migrates = server, database, chance, migrates
        self.studios: list[ModelStudio] = []
        self.steps: list[str] = []
        self._count = 0

    async def step(self) -> None:
        """Runs one command that is possible now, sometimes with the server killed in the midst of it."""
        possible = [command for command in self._commands() if command[1]]
        name, choices, run = self.chance.choice(possible)
        studio = self.chance.choice(choices)
        self.steps.append(f"{name} {studio.name if studio else ''}")
        await run(studio)
        await self.compare()

    def _commands(self) -> list[tuple[str, list[Any], Callable[[Any], Any]]]:
        stopped = [studio for studio in self.studios if studio.running is None]
        running = [studio for studio in self.studios if studio.running is not None]
        clonable = [studio for studio in self.studios if self._clone_base(studio)]
        room = len(self.studios) < 5
        return [
            ("create", [None] if room else [], self._create),
            ("start", stopped, self._start),
            ("start from older", [studio for studio in stopped if len(studio.saved) > 1], self._start_from_older),
            ("write", running, self._write),
            ("write again", running, self._write),
            ("checkpoint now", running, self._save),
            ("stop", running, self._stop),
            ("crash", running, self._crash),
            ("clone", clonable if room else [], self._clone),
            ("migrate", [studio for studio in clonable if not studio.is_newest_release] if room and self.migrates else [], self._migrate),
            ("rename", [studio for studio in self.studios if studio.saved], self._rename),
            ("delete checkpoint", [studio for studio in self.studios if studio.saved], self._remove),
            ("delete", stopped if len(self.studios) > 2 else [], self._delete),
            ("kill", [None] if self.studios else [], self._kill),
        ]

    async def compare(self) -> None:
        """Compares statuses, the lists of checkpoints, and the files of running sessions with the model."""
        for studio in self.studios:
            seen = await self._look(studio)
            assert seen["status"] in ({"RUNNING"} if studio.running is not None else {"STOPPED", "ERRORED"}), (seen, self.steps)
            own = {node["id"]: (node["name"], node["status"]) for node in seen["checkpoints"]["nodes"] if not node["inherited"]}
            own = {id_: shown for id_, shown in own.items() if id_ != studio.written_to and shown[1] != "EMPTY"}
            assert own == {saved.id: (saved.name, "FINALIZED") for saved in studio.saved}, self.steps
            inherited = {node["id"] for node in seen["checkpoints"]["nodes"] if node["inherited"]}
            assert studio.base is None or not studio.saved or studio.base.id in inherited | self._removed, self.steps
            if studio.running is not None:
                assert await self._files(studio) == studio.running, self.steps

    @property
    def _removed(self) -> set[str]:
        """The ids of all checkpoints but those that the model still has."""
        return {studio.base.id for studio in self.studios if studio.base and not self._exists(studio.base)}

    def _exists(self, checkpoint: ModelCheckpoint) -> bool:
        return any(checkpoint in studio.saved for studio in self.studios)

    async def finish(self) -> None:
        """Stops all, compares the content of every checkpoint with the model, and deletes everything."""
        for studio in [studio for studio in self.studios if studio.running is not None]:
            await self._stop(studio)
        for checkpoint in {saved.id: saved for studio in self.studios for saved in studio.saved}.values():
            copy = await self._made(CLONE, {"from": {"checkpointId": checkpoint.id}, "name": self._name("Copy"), "autoStart": True})
            await self._becomes(copy, "RUNNING")
            assert await self._files(copy) == checkpoint.files, (checkpoint, self.steps)
            await self._call(STOP, {"studioId": copy.id})
            await self._becomes(copy, "STOPPED")
            await self._call(DELETE, {"studioId": copy.id})
        for studio in self.studios:
            await self._call(DELETE, {"studioId": studio.id})

    async def _create(self, _: None) -> None:
        world = self.server.world
        request = {"workspaceId": global_id("Workspace", world.workspace_id), "templateId": global_id("Template", world.template_id)}
        self.studios.append(await self._made(CREATE, {**request, "name": self._name("Studio"), "autoStart": False}))

    async def _start(self, studio: ModelStudio, base: ModelCheckpoint | None = None) -> None:
        chosen = {"fromCheckpointId": base.id} if base else {}
        await self._with_kills(lambda: self._call(START, {"studioId": studio.id, **chosen, "idempotencyKey": self._name("start")}))
        await self._becomes(studio, "RUNNING")
        studio.began_from = base or studio.latest
        studio.running = dict(studio.began_from.files) if studio.began_from else {}
        nodes = (await self._look(studio))["checkpoints"]["nodes"]
        studio.written_to = next(node["id"] for node in nodes if not node["inherited"])  # the newest

    async def _start_from_older(self, studio: ModelStudio) -> None:
        await self._start(studio, self.chance.choice(studio.saved[:-1]))

    async def _write(self, studio: ModelStudio) -> None:
        assert studio.running is not None
        path, content = self.chance.choice(PATHS), self._name("content")
        await put(await self._upstream(studio), path, content.encode())
        studio.running[path] = content

    async def _save(self, studio: ModelStudio) -> None:
        assert studio.running is not None
        key = {"studioId": studio.id, "idempotencyKey": self._name("save")}
        answer = await self._with_kills(lambda: self._call(SAVE, key))
        checkpoint_id = answer["checkpoint"]["id"]
        try:
            name = await eventually(lambda: self._finalized(studio, checkpoint_id), LIMIT_S)
        except TimeoutError:
            raise AssertionError(f"never saved: {await self._look(studio)}, {self.steps}\n{self.server.log[-3000:]}") from None
        studio.saved.append(ModelCheckpoint(checkpoint_id, name, dict(studio.running)))

    async def _finalized(self, studio: ModelStudio, checkpoint_id: str) -> str:
        nodes = (await self._look(studio))["checkpoints"]["nodes"]
        return next((str(node["name"]) for node in nodes if node["id"] == checkpoint_id and node["status"] == "FINALIZED"), "")

    async def _stop(self, studio: ModelStudio) -> None:
        await self._with_kills(lambda: self._call(STOP, {"studioId": studio.id, "idempotencyKey": self._name("stop")}))
        await self._becomes(studio, "STOPPED")
        await self._ended(studio)

    async def _crash(self, studio: ModelStudio) -> None:
        await ask(await self._upstream(studio), "GET", "/exit?code=3")
        await self._becomes(studio, "ERRORED")
        await self._ended(studio)

    async def _ended(self, studio: ModelStudio) -> None:
        """The session's own checkpoint has its last files, and is the newest."""
        assert studio.running is not None
        name = await self._finalized(studio, studio.written_to)
        assert name, (await self._look(studio), self.steps)
        studio.saved.append(ModelCheckpoint(studio.written_to, name, studio.running))
        studio.running, studio.written_to, studio.began_from = None, "", None

    def _clone_base(self, studio: ModelStudio) -> ModelCheckpoint | None:
        return studio.latest

    async def _clone(self, studio: ModelStudio) -> None:
        base = self.chance.choice([*studio.saved, None])
        made_from = {"checkpointId": base.id} if base else {"studioId": studio.id}
        expected = base or studio.latest
        copy = await self._made(CLONE, {"from": made_from, "name": self._name("Clone"), "autoStart": False})
        copy.base = expected
        copy.is_newest_release = self._owner(expected, studio).is_newest_release
        self.studios.append(copy)

    def _owner(self, checkpoint: ModelCheckpoint | None, default: ModelStudio) -> ModelStudio:
        return next((studio for studio in self.studios if checkpoint in studio.saved), default)

    async def _migrate(self, studio: ModelStudio) -> None:
        """The new Studio begins at once, from a checkpoint of its own with the files of the original's latest one."""
        base = studio.latest
        assert base is not None
        values = {"studioId": studio.id, "name": self._name("Migrated"), "idempotencyKey": self._name("migrate")}
        made = ModelStudio((await self._with_kills(lambda: self._call(MIGRATE, values)))["studio"]["id"], values["name"])
        made.base, made.is_newest_release = base, True
        await self._becomes(made, "RUNNING")
        nodes = [node for node in (await self._look(made))["checkpoints"]["nodes"] if not node["inherited"]]
        made.written_to = nodes[0]["id"]  # the newest
        rebased = next(node for node in nodes if node["status"] == "FINALIZED")
        made.began_from = ModelCheckpoint(rebased["id"], rebased["name"], dict(base.files))
        made.saved, made.running = [made.began_from], dict(base.files)
        self.studios.append(made)
        await eventually(lambda: self._is_checked(made), LIMIT_S)

    async def _is_checked(self, studio: ModelStudio) -> bool:
        attempts = (await self._look(studio))["migrationAttempts"]
        return [attempt["state"] for attempt in attempts] == ["SUCCEEDED"]

    async def _rename(self, studio: ModelStudio) -> None:
        checkpoint, name = self.chance.choice(studio.saved), self._name("name")
        await self._call(RENAME, {"checkpointId": checkpoint.id, "name": name})
        checkpoint.name = name

    async def _remove(self, studio: ModelStudio) -> None:
        checkpoint = self.chance.choice(studio.saved)
        answer = await self._call(REMOVE, {"checkpointId": checkpoint.id}, may_fail=True)
        assert answer["__typename"] in self._outcomes_of_removal(studio, checkpoint), (answer, checkpoint, self.steps)
        if answer["__typename"] == "CheckpointPayload":
            studio.saved.remove(checkpoint)

    def _outcomes_of_removal(self, owner: ModelStudio, checkpoint: ModelCheckpoint) -> set[str]:
        """A running session may have been saved as INTERIM, from which the next start would continue instead."""
        uses = [studio for studio in self.studios if checkpoint is studio.began_from or checkpoint is studio.latest]
        if not uses:
            return {"CheckpointPayload"}
        is_replaced = uses == [owner] and owner.running is not None and checkpoint is not owner.began_from
        return {"CheckpointNeededError", "CheckpointPayload"} if is_replaced else {"CheckpointNeededError"}

    async def _delete(self, studio: ModelStudio) -> None:
        await self._call(DELETE, {"studioId": studio.id})
        self.studios.remove(studio)

    async def _kill(self, _: None) -> None:
        await self.server.kill9()
        await self.server.start()

    async def _with_kills(self, command: Callable[[], Any]) -> Any:
        """Runs a command, and in one of three cases kills the server at some point of what follows it."""
        answer = await command()
        if self.chance.random() < 1 / 3:
            await asyncio.sleep(self.chance.uniform(0, LONGEST_STEP_S))  # the point is random, so there is nothing to wait for
            await self._kill(None)
            self.steps.append("(killed)")
        return answer

    async def _made(self, mutation: str, values: dict[str, Any]) -> ModelStudio:
        answer = await self._call(mutation, values)
        return ModelStudio(answer["studio"]["id"], values["name"])

    async def _call(self, mutation: str, values: dict[str, Any], *, may_fail: bool = False) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.server.graphql(mutation, {"input": values}))["result"]
        assert may_fail or answer["__typename"].endswith("Payload"), (answer, self.steps)
        return answer

    async def _look(self, studio: ModelStudio) -> dict[str, Any]:
        seen: dict[str, Any] = (await self.server.graphql(LOOK, {"id": studio.id}))["studio"]
        return seen

    async def _becomes(self, studio: ModelStudio, status: str) -> None:
        async def has_status() -> bool:
            return bool((await self._look(studio))["status"] == status)

        try:
            await eventually(has_status, LIMIT_S, 0.05)
        except TimeoutError:
            raise AssertionError(f"never {status}: {await self._look(studio)}, {self.steps}") from None

    async def _files(self, studio: ModelStudio) -> Files:
        upstream = await self._upstream(studio)
        contents = {path: await get(upstream, path) for path in PATHS}
        return {path: content.decode() for path, content in contents.items() if content is not None}

    async def _upstream(self, studio: ModelStudio) -> Upstream:
        run = core.session.c
        newest = core.session.select().where(run.studio_id == decode(studio.id, "Studio")).order_by(run.number.desc()).limit(1)
        async with self.database.read() as reader:
            return Upstream.from_json((await reader.execute(newest)).one().upstream)

    def _name(self, noun: str) -> str:
        self._count += 1
        return f"{noun}_{self._count}"
