"""Rules that hold for every mutation of the schema."""

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, GraphQLObjectType, GraphQLUnionType, get_named_type

from schema.field_metadata import policy_of
from tests.mutations.mutation_fields import CORE, MUTATIONS

KEYLESS = {"createToken"}
"""And connectStudio, which shares its input with others and does not look at the key."""

NAMES = {
    "createStudio",
    "cloneStudio",
    "startStudio",
    "stopStudio",
    "updateStudio",
    "deleteStudio",
    "retryBuild",
    "forceStopStudio",
    "connectStudio",
    "setLabels",
    "starStudio",
    "unstarStudio",
    "renameCheckpoint",
    "checkpointNow",
    "deleteCheckpoint",
    "createToken",
    "revokeToken",
    "createTemplate",
    "updateTemplate",
    "refreshTemplates",
    "addMember",
    "updateMember",
    "removeMember",
    "updateWorkspaceSettings",
}

every_mutation = pytest.mark.parametrize("name", sorted(MUTATIONS))


def input_of(name: str) -> GraphQLInputObjectType:
    kind = get_named_type(MUTATIONS[name].args["input"].type)
    assert isinstance(kind, GraphQLInputObjectType)
    return kind


def members_of(name: str) -> tuple[GraphQLObjectType, ...]:
    union = get_named_type(MUTATIONS[name].type)
    assert isinstance(union, GraphQLUnionType)
    return tuple(union.types)


def test_the_mutations_are_those_of_the_contract() -> None:
    assert set(MUTATIONS) >= NAMES


@every_mutation
def test_a_mutation_takes_one_input_and_must_have_it(name: str) -> None:
    assert list(MUTATIONS[name].args) == ["input"]
    assert isinstance(MUTATIONS[name].args["input"].type, GraphQLNonNull)


@every_mutation
def test_a_mutation_answers_one_payload_or_a_typed_error(name: str) -> None:
    errors = [member for member in members_of(name) if any(frame.name == "Error" for frame in member.interfaces)]
    payloads = [member for member in members_of(name) if member not in errors]
    assert isinstance(MUTATIONS[name].type, GraphQLNonNull)
    assert len(payloads) == 1
    assert {"ForbiddenError", "InvalidInputError"} <= {error.name for error in errors}


@pytest.mark.behaviour("B95")
@every_mutation
def test_a_mutation_takes_an_idempotency_key(name: str) -> None:
    key = input_of(name).fields.get("idempotencyKey")
    assert (key is None) == (name in KEYLESS)
    assert key is None or str(key.type) == "String"


@pytest.mark.behaviour("B95")
@pytest.mark.parametrize("name", ["startStudio", "updateStudio", "deleteStudio"])
def test_an_edit_of_a_studio_takes_the_expected_revision(name: str) -> None:
    assert str(input_of(name).fields["expectedRevision"].type) == "Int"
    assert "StaleRevisionError" in {member.name for member in members_of(name)}


@every_mutation
def test_a_mutation_says_who_may(name: str) -> None:
    assert policy_of(MUTATIONS[name]) is not None


@every_mutation
def test_everything_about_a_mutation_is_described(name: str) -> None:
    assert MUTATIONS[name].description
    assert MUTATIONS[name].args["input"].description
    assert input_of(name).description
    assert [field for field, of in input_of(name).fields.items() if not of.description] == []
    for member in members_of(name):
        assert member.description
        assert [field for field, of in member.fields.items() if not of.description] == []


def test_the_result_of_studio_commands_is_the_contracts() -> None:
    assert [member.name for member in members_of("startStudio")] == [
        "StudioPayload",
        "NotFoundError",
        "ForbiddenError",
        "InvalidInputError",
        "ConflictError",
        "NotAllowedNowError",
        "QuotaExceededError",
        "StaleRevisionError",
        "CheckpointMissingError",
    ]


def test_an_error_has_the_contracts_fields() -> None:
    frame = CORE.type_map["Error"]
    assert {name: str(field.type) for name, field in frame.fields.items()} == {  # type: ignore[attr-defined]
        "code": "String!",
        "message": "String!",
        "field": "[String!]",
    }


@every_mutation
def test_the_members_of_a_result_can_be_selected_together(name: str) -> None:
    """GraphQL refuses one name with two types, or one that is null in one member only, unless clients use aliases."""
    kinds: dict[str, set[str]] = {}
    for member in members_of(name):
        for field, of in member.fields.items():
            kinds.setdefault(field, set()).add(str(of.type))
    assert {field: of for field, of in kinds.items() if len(of) > 1} == {}
