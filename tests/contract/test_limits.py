"""One operation cannot ask for too much, and saying so is cheap."""

import time

import pytest
from graphql import get_introspection_query

from schema.documents import Documents
from schema.limits import Limits
from schema.request_errors import Code, OperationRejected
from tests.contract.fragment_bomb import fragment_bomb
from tests.contract.world import SCHEMA

LARGE = Limits(tokens=100_000, source_length=1_000_000)


def documents(limits: Limits | None = None) -> Documents:
    return Documents(SCHEMA, limits or Limits(), suggestions=False)


def refused(text: str, limits: Limits | None = None) -> OperationRejected:
    with pytest.raises(OperationRejected) as caught:
        documents(limits).get(text)
    return caught.value


def fastest(text: str) -> float:
    """Seconds of processor time until the text is refused, the best of three: others share the machine."""
    times = []
    for _ in range(3):
        started = time.process_time()
        refused(text)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("fragments", [20, 30, 60])
def test_fragments_that_spread_the_next_twice_are_refused_in_no_time(fragments: int) -> None:
    assert refused(fragment_bomb(fragments)).code is Code.LIMIT_EXCEEDED
    assert fastest(fragment_bomb(fragments)) < 0.05


def test_a_thousand_such_fragments_are_refused_by_the_number_of_their_tokens_in_no_time() -> None:
    error = refused(fragment_bomb(1000))
    assert fastest(fragment_bomb(1000)) < 0.05
    assert error.code is Code.SYNTAX_ERROR
    assert "tokens" in error.errors[0]["message"]


def test_a_thousand_such_fragments_are_refused_even_where_so_many_tokens_are_allowed() -> None:
    assert refused(fragment_bomb(1000), LARGE).code is Code.LIMIT_EXCEEDED


def test_the_size_of_a_bomb_is_not_spelt_out() -> None:
    assert "more than a million" in refused(fragment_bomb(60)).errors[0]["message"]


def test_a_fragment_that_spreads_itself_is_a_validation_error() -> None:
    error = refused("{me{...A}} fragment A on Person{friends{...B}} fragment B on Person{friends{...A}}")
    assert error.code is Code.VALIDATION_FAILED
    assert "itself" in error.errors[0]["message"]


def test_an_unknown_fragment_is_a_validation_error() -> None:
    error = refused("{me{...Nowhere}}")
    assert error.code is Code.VALIDATION_FAILED
    assert "Nowhere" in error.errors[0]["message"]


def nested(levels: int) -> str:
    return "{me" + "{friends" * levels + "{name}" + "}" * levels + "}"


def test_depth_is_limited() -> None:
    documents(Limits(cost=10**15)).get(nested(10))
    assert "levels deep" in refused(nested(11), Limits(cost=10**15)).errors[0]["message"]


def test_depth_inside_fragments_counts() -> None:
    limits = Limits(depth=4)
    documents(limits).get("{me{...A}} fragment A on Person{friends{friends{name}}}")
    error = refused("{me{...A}} fragment A on Person{friends{...B}} fragment B on Person{friends{friends{name}}}", limits)
    assert "5 levels deep" in error.errors[0]["message"]


def test_selections_nested_beyond_the_stack_are_refused() -> None:
    inline = "{me" + "{...on Person" * 150 + "{name}" + "}" * 150 + "}"
    assert refused(inline, LARGE).code is Code.LIMIT_EXCEEDED
    deep = "{me" + "{friends" * 5000 + "{name}" + "}" * 5000 + "}"
    assert refused(deep, LARGE).code in (Code.LIMIT_EXCEEDED, Code.SYNTAX_ERROR)


def test_a_long_chain_of_fragments_is_refused() -> None:
    chain = "".join(f"fragment F{n} on Person{{...F{n + 1}}}" for n in range(500))
    assert refused(f"{{me{{...F0}}}}{chain}fragment F500 on Person{{name}}", LARGE).code is Code.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{" + " ".join(f"a{n}:echo" for n in range(31)) + "}", "aliases"),
        ("{" + " ".join(f"a{n}:echo" for n in range(11)) + "}", "fields at the root"),
        ("{me{" + " ".join("name @include(if:true)" for _ in range(21)) + "}}", "directives"),
        ("{me{" + "name " * 700 + "}}", "fields, fragments expanded"),
        ("{me{...A ...A ...A ...A}} fragment A on Person{" + "name " * 200 + "}", "fields, fragments expanded"),
        ("{people(first:1000){nodes{friends(first:100){name}}}}", "objects"),
        ("{people{nodes{friends(first:100){friends(first:100){name}}}}}", "objects"),
    ],
    ids=["aliases", "root fields", "directives", "fields", "fields in fragments", "cost", "cost of nested pages"],
)
def test_each_excess_is_refused_and_named(text: str, words: str) -> None:
    error = refused(text)
    assert error.code is Code.LIMIT_EXCEEDED
    assert any(words in each["message"] for each in error.errors)
    assert all(each["extensions"]["code"] == "LIMIT_EXCEEDED" for each in error.errors)


def test_pages_are_counted_once_and_not_again_for_the_list_inside_them() -> None:
    documents(Limits(cost=250)).get("{people(first:100){nodes{name}}}")


def test_a_page_size_in_a_variable_counts_with_its_value() -> None:
    documents_ = documents(Limits(cost=300))
    document = documents_.get("query($n: Int = 10){people(first:$n){nodes{name}}}")
    node = document.operation(None)
    documents_.check_cost(document, node, {"n": 50})
    documents_.check_cost(document, node, {})
    with pytest.raises(OperationRejected, match="objects"):
        documents_.check_cost(document, node, {"n": 5000})


@pytest.mark.parametrize(
    "text", ["{people(first:%s){nodes{name}}}", "query($n: Int = %s){people(first:$n){nodes{name}}}"], ids=["in the text", "as a default"]
)
def test_a_page_size_of_thousands_of_digits_is_refused_like_any_that_is_too_much(text: str) -> None:
    assert refused(text % ("9" * 5000)).code in (Code.LIMIT_EXCEEDED, Code.VALIDATION_FAILED)


def test_a_document_of_comments_or_spaces_is_refused_by_its_length() -> None:
    spaces, comments = "{me{name}}" + " " * 20_000_000, "{me{name}}" + "#x\n" * 10_000
    assert refused(spaces).code is Code.LIMIT_EXCEEDED
    assert refused(comments).code is Code.SYNTAX_ERROR
    assert fastest(spaces) + fastest(comments) < 0.2


def test_what_tools_ask_of_a_schema_is_within_the_limits() -> None:
    documents().get(get_introspection_query(descriptions=True, input_value_deprecation=True, directive_is_repeatable=True))


def test_introspection_that_circles_is_refused() -> None:
    error = refused("{__schema{types{fields{type{fields{type{fields{name}}}}}}}}")
    assert error.code is Code.VALIDATION_FAILED
    assert "introspection depth" in error.errors[0]["message"]


def test_many_introspections_in_one_operation_cost_too_much() -> None:
    text = "{" + " ".join(f"s{n}:__schema{{types{{name}}}}" for n in range(9)) + "}"
    assert refused(text, Limits(cost=8_000)).code is Code.LIMIT_EXCEEDED


def test_did_you_mean_is_said_only_where_switched_on() -> None:
    assert "Did you mean" not in refused("{ec}").errors[0]["message"]
    with pytest.raises(OperationRejected, match="Did you mean"):
        Documents(SCHEMA, Limits(), suggestions=True).get("{ech}")
