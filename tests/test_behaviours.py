"""The list of behaviours, and the report about it."""

from tests import behaviours


def test_the_report_names_each_behaviour_its_tests_and_the_gaps() -> None:
    lines = behaviours.report({"B1": {"tests/a.py::test_start"}, "B999": {"tests/a.py::test_nothing"}}, markdown=False)
    assert lines[0].startswith("B1 ")
    assert lines[1] == "       tests/a.py::test_start"
    assert lines[-2].startswith(f"1 of {len(behaviours.rows())} behaviours have a test. Without: B2 ")
    assert lines[-1] == "Not in the list: B999"


def test_the_list_is_whole() -> None:
    assert {"B1", "B37", "B59", "B97"} <= set(behaviours.rows())
    assert len(behaviours.rows()) == 79
