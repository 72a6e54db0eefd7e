"""Calling mutations as clients do: a document and variables in, JSON out, through the one function that runs operations."""

import json
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLField, GraphQLSchema, GraphQLUnionType, get_named_type

from schema.execution import Executor
from schema.ids import encode
from schema.requests import OperationRequest
from services.domain.access import Viewer

Json = dict[str, Any]

STUDIO = "studio { id name description revision status statusMessage isStarred configuration { cpu memoryMiB gpu lifespanHours } }"
TEMPLATE = (
    "template { id name tool image recipe isBuiltHere toolVersion connectVersion status experimental iconUrl port singleUser embeddable "
    "prefixCapable revision }"
)
SELECTIONS = {
    "StudioPayload": STUDIO + " operation { id kind state }",
    "DeleteStudioPayload": "deletedStudioId",
    "ConnectStudioPayload": "url expiresAt",
    "CheckpointPayload": "checkpoint { id name status } operation { id kind state }",
    "CheckpointNeededError": "neededBy { kind studio { name } }",
    "TemplatePayload": TEMPLATE,
    "RefreshTemplatesPayload": "added { id name toolVersion image status } updated { id name image }",
    "StaleTemplateError": "currentRevision " + TEMPLATE,
    "CreateTokenPayload": "secret token { id name scopes hint expiresAt revokedAt }",
    "RevokeTokenPayload": "token { id revokedAt }",
    "MemberPayload": "member { user { id userName } role } workspace { id }",
    "RemoveMemberPayload": "removedUserId workspace { id }",
    "WorkspacePayload": "workspace { settings { lifespanHours idleMinutes checkpointIntervalSeconds keptCheckpoints "
    "maxSessions maxCpu maxMemoryMiB maxGpu } }",
    "InvalidInputError": "problems { field code message }",
    "NotAllowedNowError": "status until",
    "QuotaExceededError": "resource scope computeEnvironment { name } limit used requested usedBy { name }",
    "StaleRevisionError": "currentRevision " + STUDIO,
    "CheckpointMissingError": "checkpoint { name } olderCheckpoint { name }",
}


@dataclass(frozen=True, slots=True)
class Api:
    """One server's API, for any viewer."""

    executor: Executor
    schema: GraphQLSchema

    async def run(self, viewer: Viewer, query: str, **variables: Any) -> Json:
        """The whole response."""
        answer = await self.executor.run(OperationRequest(query, variables=variables), viewer)
        response: Json = json.loads(answer.body)
        return response

    async def mutate(self, viewer: Viewer, mutation: str, **values: Any) -> Json:
        """The member of the result union that the mutation answers, with its `__typename`."""
        return await self._result(viewer, self.document(mutation), values)

    async def outcome(self, viewer: Viewer, mutation: str, **values: Any) -> tuple[str, str | None]:
        """Only which member it is, and the error's message: for tokens that may not read what they did."""
        takes = self._field(mutation).args["input"].type
        text = f"mutation($input: {takes}) {{ result: {mutation}(input: $input) {{ __typename ... on Error {{ message }} }} }}"
        result = await self._result(viewer, text, values)
        return result["__typename"], result.get("message")

    async def _result(self, viewer: Viewer, text: str, values: Json) -> Json:
        response = await self.run(viewer, text, input=values)
        assert "errors" not in response, response["errors"]
        result: Json = response["data"]["result"]
        return result

    def document(self, mutation: str) -> str:
        """A document that selects everything a mutation may answer."""
        field = self._field(mutation)
        union = get_named_type(field.type)
        assert isinstance(union, GraphQLUnionType)
        parts = [f"... on {member.name} {{ {SELECTIONS[member.name]} }}" for member in union.types if member.name in SELECTIONS]
        selection = " ".join(["__typename ... on Error { code message field }", *parts])
        return f"mutation($input: {field.args['input'].type}) {{ result: {mutation}(input: $input) {{ {selection} }} }}"

    def _field(self, mutation: str) -> GraphQLField:
        assert self.schema.mutation_type
        field: GraphQLField = self.schema.mutation_type.fields[mutation]
        return field


def gid(type_name: str, row_id: str) -> str:
    """The global id that a client would hold."""
    return encode(type_name, row_id)


def problems(result: Json) -> list[tuple[str, str]]:
    """What an InvalidInputError lists: paths with dots, and codes."""
    assert result["__typename"] == "InvalidInputError", result
    return [(".".join(problem["field"]), problem["code"]) for problem in result["problems"]]
