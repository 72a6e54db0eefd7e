"""`/metrics`: who may read it, what it tells of a server in use, and what never becomes a label (docs/metrics.md)."""

import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from math import isnan
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schema.build import build_schema, core_schema
from services.commands import CommandRunner
from services.domain.access import Operator, Role, TokenScope
from services.domain.statuses import StudioStatus
from services.identity.token_rules import NewToken
from services.identity.tokens import Tokens
from services.runtime import metrics
from services.store.db.database import Database
from studiograph.web.exposition import MetricsText
from studiograph.web.request_metrics import METHODS, ROUTE_LABELS
from tests import factories
from tests.graphql_ids import global_id
from tests.project.conftest import ROOT
from tests.server import Server, running
from tests.three_roles import three_roles
from tests.waiting import eventually

DOCS = ROOT / "docs"
NAME = re.compile(r"\bstudiograph_\w+")
SUFFIX = re.compile(r"_(bucket|count|sum)$")
HOSTILE = "Hostile_name_of_a_client"
CREATE = (
    "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } ... on Error { code } } }"
)
STOP = "mutation($id: ID!) { stopStudio(input: { studioId: $id }) { __typename ... on Error { code } } }"
STATUS = "query($id: ID!) { studio(id: $id) { status } }"
WATCH = "subscription($id: ID!) { studios(workspaceId: $id) { __typename } }"


class Scrape:
    """The samples of one answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """The names of all samples, without the suffixes of histograms, and of families that have no sample yet."""
        return {SUFFIX.sub("", sample.name) for sample in self.samples} | {
            f"{family.name}_total" if family.type == "counter" else family.name for family in self.families.values()
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name with these labels."""
        return sum(sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items())

    def labels(self, name: str) -> set[str]:
        """All values of a label."""
        return {sample.labels[name] for sample in self.samples if name in sample.labels}


async def fetch(server: Server, token: str | None = None) -> httpx.Response:
    bearer = server.world.secret if token is None else token
    return await server.http.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {bearer}"} if bearer else {})


async def scrape(server: Server) -> Scrape:
    answer = await fetch(server)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


@pytest.fixture
async def used(server: Server) -> AsyncIterator[Server]:
    """A server with a running Studio, a stopped one, and an open subscription."""
    studio_id = await start_studio(server)
    await server.graphql(STOP, {"id": await start_studio(server, "Other")})
    workspace_id = global_id("Workspace", server.world.workspace_id)
    async with aclosing(server.subscribe(WATCH, {"id": workspace_id})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(STOP, {"id": studio_id})
        yield server


async def start_studio(server: Server, name: str = "Penguins") -> str:
    request = {
        "workspaceId": global_id("Workspace", server.world.workspace_id),
        "templateId": global_id("Template", server.world.template_id),
        "name": name,
    }
    studio_id = str((await server.graphql(CREATE, {"input": request}))["createStudio"]["studio"]["id"])

    async def runs() -> bool:
        return bool((await server.graphql(STATUS, {"id": studio_id}))["studio"]["status"] == "RUNNING")

    await eventually(runs)
    return studio_id


@pytest.fixture
def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def named(text: str) -> set[str]:
    """The metrics that a text names."""
    return {SUFFIX.sub("", name) for name in NAME.findall(text)}


async def test_every_metric_of_the_documentation_is_there_and_every_one_that_is_there_is_documented(used: Server) -> None:
    served = {name for name in (await scrape(used)).names if name.startswith("studiograph_")}
    assert served == {definition.name for definition in metrics.DEFINITIONS} == named((DOCS / "metrics.md").read_text())


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "prometheus-alerts.yml"])
async def test_the_examples_name_metrics_that_exist(file: str) -> None:
    names = named((DOCS / file).read_text())
    assert len(names) > 5
    assert names <= {definition.name for definition in metrics.DEFINITIONS}


async def test_the_panels_of_the_dashboard_show_something_of_a_server_in_use(used: Server) -> None:
    scraped = await scrape(used)
    with_samples = {SUFFIX.sub("", sample.name) for sample in scraped.samples}
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        shown = named(" ".join(target["expr"] for target in panel.get("targets", [])))
        assert shown <= with_samples | RARE, panel["title"]


RARE = {"studiograph_graphql_typed_errors_total"}
"""What a server in order does not count."""


async def test_it_counts_what_the_server_does(used: Server) -> None:
    scraped = await scrape(used)
    assert scraped.value("studiograph_graphql_operations_total", type="mutation", field="createStudio", outcome="ok") == 2
    assert scraped.value("studiograph_graphql_operation_seconds_count", type="mutation", field="createStudio") == 2
    assert scraped.value("studiograph_graphql_subscriptions", field="studios") == 1
    assert scraped.value("studiograph_graphql_open_sockets") == 1
    assert scraped.value("studiograph_http_requests_total", route="graphql", method="POST", status="2xx") > 4
    assert scraped.value("studiograph_http_requests_total", route="graphql", method="WEBSOCKET", status="1xx") == 1
    assert scraped.value("studiograph_sql_statement_seconds_count", access="write") > 10
    assert scraped.value("studiograph_sql_begin_seconds_count", access="read") > 10
    assert scraped.value("studiograph_engine_calls_total", operation="ensure_session", outcome="ok") == 2
    assert scraped.value("studiograph_controller_steps_total", studio_status="STARTING", outcome="ok") >= 2
    assert scraped.value("studiograph_event_lag_seconds_count") > 0
    assert scraped.value("studiograph_event_subscribers") > 0
    assert scraped.value("studiograph_database_up") == 1
    assert scraped.value("studiograph_compute_environment_info", compute_kind="process") == 1
    assert sum(scraped.value("studiograph_studios", studio_status=status.value) for status in StudioStatus) == 2

    async def has_measured_the_loop() -> bool:
        return (await scrape(used)).value("studiograph_event_loop_delay_seconds_count") > 5

    await eventually(has_measured_the_loop)


async def test_what_clients_write_becomes_no_label_and_no_secret_shows(server: Server) -> None:
    before = await scrape(server)
    for number in range(20):
        await server.post(f"query {HOSTILE}{number} {{ viewer {{ userName }} }}")
        await server.post(f"query {HOSTILE}{number} {{ {HOSTILE}{number}: viewer {{ userName }} }}")
        await server.post(f"{{ {HOSTILE}{number} }}")
        await server.post(f"{{ viewer {{ userName }} }} {HOSTILE}")
        await server.http.request(f"{HOSTILE.upper()}{number}", f"{server.url}/{HOSTILE}{number}")
        await server.http.get(f"{server.url}/{HOSTILE}{number}", headers={"Host": f"{HOSTILE}{number}.localhost:{server.port}"})
        await server.http.get(f"{server.url}/graphql?query={HOSTILE}{number}", headers={"Authorization": f"Bearer {HOSTILE}{number}"})
        await server.post("{ viewer { userName } __typename }")
    after = await scrape(server)
    assert HOSTILE.lower() not in after.text.lower()
    assert server.world.secret not in after.text
    assert len(after.samples) - len(before.samples) < 150
    schema = core_schema(build_schema())
    roots = {name for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root for name in root.fields}
    assert after.labels("field") <= roots | {"unknown", "several", "__typename", "__schema", "__type"}
    assert after.labels("type") <= {"query", "mutation", "subscription", "unknown"}
    assert after.labels("route") <= set(ROUTE_LABELS)
    assert after.labels("method") <= METHODS | {"WEBSOCKET", "other"}
    assert after.labels("status") <= {"1xx", "2xx", "3xx", "4xx", "5xx", "other", "none"}
    assert {label for sample in after.samples for label in sample.labels} <= metrics.LABELS.keys() | {"le"}
    assert after.value("studiograph_graphql_operations_total", type="unknown", outcome="validation_failed") == 20
    assert after.value("studiograph_graphql_operations_total", type="query", field="several", outcome="ok") == 20


async def test_only_an_owner_of_every_workspace_reads_it_at_the_servers_port(server: Server) -> None:
    database = Database(server.database_url)
    _, guest = await factories.create_viewer(database, server.world.workspace_id, Role.ADMIN, "grace")
    tokens = Tokens(database, CommandRunner(database))
    _, unfit = await tokens.issue(Operator(), server.world.user_id, NewToken("no reading", frozenset({TokenScope.CONNECT})))
    for token, status, code in [
        ("", 401, "UNAUTHENTICATED"),
        ("sgt_wrong", 401, "UNAUTHENTICATED"),
        (guest, 403, "FORBIDDEN"),
        (unfit, 403, "FORBIDDEN"),
    ]:
        answer = await fetch(server, token)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
        assert "studiograph_" not in answer.text
    assert (await fetch(server, "")).headers["WWW-Authenticate"].startswith("Bearer")
    assert (await fetch(server)).headers["Content-Type"] == metrics.CONTENT_TYPE
    await factories.create_workspace(database, "another")
    assert (await fetch(server)).status_code == 403
    await tokens.close()
    await database.close()


async def test_an_address_of_its_own_needs_no_token_and_serves_nothing_else(tmp_path: Path, sqlite_url: str, free_port: int) -> None:
    async with running(tmp_path, sqlite_url, metrics_address=f"127.0.0.1:{free_port}") as server:
        address = f"http://127.0.0.1:{free_port}"
        answer = await server.http.get(f"{address}/metrics")
        assert answer.status_code == 200
        assert "studiograph_loop_runs_total" in answer.text
        assert (await server.http.post(f"{address}/graphql", json={"query": "{ viewer { userName } }"})).status_code == 404
        assert (await fetch(server, "")).status_code == 401
        assert await server.stop() == 0
        assert "Traceback" not in server.log


async def test_without_the_database_a_process_still_tells_of_itself(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/studiograph.db")
    scraped = Scrape((await MetricsText(database).text()).decode())
    await database.close()
    assert scraped.value("studiograph_database_up") == 0
    assert not [sample for sample in scraped.samples if sample.name == "studiograph_studios"]
    assert isnan(scraped.value("studiograph_due_studios"))
    assert scraped.value("process_resident_memory_bytes") > 0


@pytest.mark.postgres
@pytest.mark.slow
async def test_every_role_has_its_metrics(tmp_path: Path, postgresql_url: str, free_port: int) -> None:
    async with three_roles(tmp_path, postgresql_url, {"metrics_address": f"127.0.0.1:{free_port}"}) as (api, _, proxy):
        await start_studio(api)
        of_controller = Scrape((await api.http.get(f"http://127.0.0.1:{free_port}/metrics")).text)
        of_proxy, of_api = await scrape(proxy), await scrape(api)
        assert of_controller.value("studiograph_controller_steps_total", outcome="ok") > 0
        assert of_controller.value("studiograph_engine_calls_total", operation="ensure_session", outcome="ok") == 1
        assert of_api.value("studiograph_graphql_operations_total", field="createStudio") == 1
        assert of_proxy.value("studiograph_http_requests_total", route="metrics") >= 0
        for scraped in (of_controller, of_proxy, of_api):
            assert scraped.value("studiograph_studios") == 1
            assert scraped.value("studiograph_event_loop_delay_seconds_count") > 0
