"""The rule of overlapping fields in linear time decides as the one of graphql-core, which compares pairs."""

from dataclasses import dataclass, field

import pytest
from graphql import build_schema, parse, validate
from graphql.validation import OverlappingFieldsCanBeMergedRule
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.overlapping_fields import MAX_STEPS, OverlappingFieldsRule
from schema.request_errors import Code, OperationRejected

SCHEMA = build_schema("""
    type Query { pet(n: Int, by: By): Pet human: Human any: Any dog: Dog }
    input By { a: Int b: [Int] }
    interface Pet { name(n: Int): String owner: Human friend: Pet }
    type Dog implements Pet { name(n: Int): String owner: Human friend: Pet same: Int size: Int tags: [String!] }
    type Cat implements Pet { name(n: Int): String owner: Human friend: Pet same: Int size: String tags: [String] }
    type Human { name: String! size: Int pet: Pet pets: [Pet!] self: Human }
    union Any = Dog | Cat | Human
""")
LEAVES = {"Query": ["__typename"], "Pet": ["name"], "Dog": ["name", "same", "size", "tags"], "Cat": ["name", "same", "size", "tags"]}
LEAVES |= {"Human": ["name", "size"], "Any": ["__typename"]}
OBJECTS: dict[str, dict[str, str]] = {"Query": {"pet": "Pet", "human": "Human", "any": "Any", "dog": "Dog"}, "Any": {}}
OBJECTS |= {name: {"owner": "Human", "friend": "Pet"} for name in ("Pet", "Dog", "Cat")}
OBJECTS |= {"Human": {"pet": "Pet", "pets": "Pet", "self": "Human"}}
TYPES = ["Pet", "Dog", "Cat", "Human", "Any"]


@dataclass
class DocumentWriter:
    """Writes a document from the choices of a strategy."""

    draw: st.DrawFn
    fragments: list[str] = field(default_factory=list)

    def selections(self, on: str, depth: int) -> str:
        kinds = st.lists(st.sampled_from(["leaf", "leaf", "object", "inline", "spread", "again"]), min_size=1, max_size=4)
        return " ".join(self.selection(kind, on, depth) for kind in self.draw(kinds))

    def selection(self, kind: str, on: str, depth: int) -> str:
        if kind == "object" and OBJECTS[on] and depth:
            name = self.draw(st.sampled_from(sorted(OBJECTS[on])))
            return f"{self.alias()}{name} {{ {self.selections(OBJECTS[on][name], depth - 1)} }}"
        if kind == "inline" and depth and on != "Query":
            condition = self.draw(st.sampled_from(TYPES))
            return f"... on {condition} {{ {self.selections(condition, depth - 1)} }}"
        if kind == "spread" and depth and on != "Query":
            condition = self.draw(st.sampled_from(TYPES))
            below = self.selections(condition, depth - 1)
            self.fragments.append(f"fragment F{len(self.fragments)} on {condition} {{ {below} }}")
            return f"...F{len(self.fragments) - 1}"
        if kind == "again" and self.fragments and on != "Query":
            return f"...F{self.draw(st.integers(0, len(self.fragments) - 1))}"
        return self.leaf(on)

    def leaf(self, on: str) -> str:
        name = self.draw(st.sampled_from(LEAVES[on]))
        argument = self.draw(st.sampled_from(["", "", "(n: 1)", "(n: 2)"])) if name == "name" and on != "Human" else ""
        return f"{self.alias()}{name}{argument}"

    def alias(self) -> str:
        return self.draw(st.sampled_from(["", "", "a: ", "b: "]))


@st.composite
def documents(draw: st.DrawFn) -> str:
    writer = DocumentWriter(draw)
    operation = f"{{ {writer.selections('Query', 4)} }}"
    return " ".join([operation, *writer.fragments])


@given(documents())
@settings(max_examples=600, deadline=None)
def test_the_rule_refuses_what_the_rule_of_pairs_refuses(text: str) -> None:
    document = parse(text)
    pairs = validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule])
    assert bool(validate(SCHEMA, document, [OverlappingFieldsRule])) == bool(pairs), pairs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ dog { a: name a: same } }", "return conflicting types"),
        ("{ human { a: self { name } a: pet { name } } }", "are different fields"),
        ("{ dog { name(n: 1) name(n: 2) } }", "have differing arguments"),
        ("{ pet(by: {a: 1, b: [1]}) { name } pet(by: {b: [2], a: 1}) { name } }", "have differing arguments"),
        ("{ any { ... on Dog { size } ... on Cat { size } } }", "return conflicting types"),
        ("{ any { ... on Dog { tags } ... on Cat { tags } } }", "return conflicting types"),
    ],
)
def test_a_conflict_is_explained(text: str, words: str) -> None:
    errors = validate(SCHEMA, parse(text), [OverlappingFieldsRule])
    assert [words in error.message for error in errors] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "{ dog { name name } dog { name } }",
        "{ pet(by: {a: 1, b: [1]}) { name } pet(by: {b: [1], a: 1}) { name } }",
        "{ any { ... on Dog { a: same } ... on Cat { a: same } } }",
        "{ any { ... on Dog { a: name(n: 1) } ... on Cat { a: name(n: 2) } } }",
        "{ nowhere nowhere { x } }",
        "{ dog { ...A } } fragment A on Dog { friend { ...A ...B } } fragment B on Pet { friend { ...A } }",
    ],
)
def test_what_can_be_merged_and_what_other_rules_refuse_passes(text: str) -> None:
    assert validate(SCHEMA, parse(text), [OverlappingFieldsRule]) == []


def test_fields_that_overlap_in_too_many_ways_are_refused_after_a_bounded_number_of_steps() -> None:
    operations = "".join(f"query Q{n} {{ pet {{ name ...F }} }} " for n in range(MAX_STEPS // 500 + 1))
    with pytest.raises(OperationRejected) as refused:
        validate(SCHEMA, parse(f"{operations} fragment F on Pet {{ {'name ' * 500} }}"), [OverlappingFieldsRule])
    assert refused.value.code is Code.LIMIT_EXCEEDED
