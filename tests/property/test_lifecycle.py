"""The lifecycle table, driven at random: users act as they are allowed to, sessions end as sessions do, and every event has its row."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.domain.lifecycle import ACTIONS, ENDED, TRANSITIONS, Action, IllegalTransition, Trigger, after, status_refusal
from services.domain.statuses import StopReason, StudioStatus
from services.studios.transitions import CONNECTION_ERRORS

S = StudioStatus
FAULTS = frozenset({StopReason.OUT_OF_MEMORY})


class Life(RuleBasedStateMachine):
    """One Studio. `held` models what the compute environment holds for it: nothing, a build, or a session and what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.status = S.STOPPED
        self.reason: StopReason | None = None
        self.held: str | None = None
        self.last: Trigger | None = None

    @initialize(builds=st.booleans())
    def created(self, builds: bool) -> None:
        """Only created, or created with packages that are built first (B11, B76)."""
        if builds:
            self.status, self.held = S.BUILDING, "build"

    def meets(self, trigger: Trigger, held: str | None) -> None:
        transition, self.last = after(self.status, trigger), trigger
        if self.status in ENDED:
            self.reason = None
        self.status, self.held = transition.to, held
        self.reason = transition.reason or self.reason

    def may(self, action: Action) -> bool:
        return status_refusal(self.status, action) is None

    @rule(builds=st.booleans())
    def somebody_starts_it(self, builds: bool) -> None:
        if self.may(Action.START):
            if builds or self.status is S.BUILD_FAILED:
                self.meets(Trigger.START_BUILDING, "build")
            else:
                self.meets(Trigger.START, "session")

    @rule()
    def somebody_stops_it(self) -> None:
        if self.may(Action.STOP):
            self.meets(Trigger.STOP, None if self.held == "build" else "session")

    @precondition(lambda self: self.status in {S.STARTING, S.STOPPING})
    @rule()
    def somebody_forces_it_to_stop_after_the_deadline(self) -> None:
        self.meets(Trigger.FORCE_STOP, None)

    @precondition(lambda self: self.held == "build")
    @rule(
        outcome=st.sampled_from([(Trigger.BUILT, "session"), (Trigger.BUILD_FAILED, None)]),
    )
    def the_build_ends(self, outcome: tuple[Trigger, str | None]) -> None:
        self.meets(*outcome)

    @precondition(lambda self: self.status is S.STARTING)
    @rule()
    def the_tool_answers(self) -> None:
        self.meets(Trigger.READY, "session")

    @precondition(lambda self: self.status is S.STARTING)
    @rule(
        trigger=st.sampled_from(
            [Trigger.START_FAILED, Trigger.START_TIMEOUT, Trigger.CHECKPOINT_MISSING, Trigger.SAVE_FAILED, Trigger.COMPUTE_ENV_LOST]
        )
    )
    def the_start_fails(self, trigger: Trigger) -> None:
        self.meets(trigger, None)

    @precondition(lambda self: self.status is S.RUNNING)
    @rule(
        trigger=st.sampled_from([Trigger.LIFESPAN, Trigger.IDLE, Trigger.EXITED, Trigger.OUT_OF_MEMORY, Trigger.COMPUTE_ENV_DELETED]),
    )
    def the_session_must_end(self, trigger: Trigger) -> None:
        self.meets(trigger, "session")

    @precondition(lambda self: self.status in {S.RUNNING, S.STOPPING})
    @rule()
    def the_compute_environment_is_lost(self) -> None:
        self.meets(Trigger.COMPUTE_ENV_LOST, None)

    @precondition(lambda self: self.status is S.STOPPING)
    @rule(saves=st.booleans())
    def the_session_is_saved_or_cannot_be(self, saves: bool) -> None:
        faulty = self.reason in FAULTS
        self.meets((Trigger.SAVED_AFTER_FAULT if faulty else Trigger.SAVED) if saves else Trigger.SAVE_FAILED, None)

    @invariant()
    def resources_are_held_in_every_status_but_the_ended_ones(self) -> None:
        assert (self.held is None) == (self.status in ENDED)

    @invariant()
    def what_ended_says_why_and_what_begins_or_runs_has_no_reason(self) -> None:
        if self.status in {S.BUILDING, S.STARTING, S.RUNNING}:
            assert self.reason is None
        if self.status in {S.STOPPING, S.ERRORED, S.BUILD_FAILED}:
            assert self.reason is not None
        if self.status is S.STOPPED and self.reason is None:
            assert self.last is None, "only what never ran"

    @invariant()
    def an_out_of_memory_kill_never_ends_as_a_clean_stop(self) -> None:
        assert not (self.status is S.STOPPED and self.reason is StopReason.OUT_OF_MEMORY)


TestLife = pytest.mark.behaviour("B2")(Life.TestCase)
TestLife.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def _reachable(start: StudioStatus) -> set[StudioStatus]:
    reached, new = {start}, [start]
    while new:
        status = new.pop()
        following = {transition.to for (before, _), transition in TRANSITIONS.items() if before is status} - reached
        reached |= following
        new += following
    return reached


@pytest.mark.behaviour("B2")
@pytest.mark.parametrize("status", S)
def test_every_status_is_reachable_and_leads_to_every_other_that_is_no_build(status: StudioStatus) -> None:
    assert status in _reachable(S.STOPPED)
    assert _reachable(status) == set(S)


@pytest.mark.behaviour("B2")
def test_every_trigger_has_a_row_and_any_other_pair_is_a_bug() -> None:
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)
    for status in S:
        for trigger in Trigger:
            if (status, trigger) not in TRANSITIONS:
                with pytest.raises(IllegalTransition, match=f"{trigger} in {status}"):
                    after(status, trigger)


@pytest.mark.behaviour("B4")
def test_every_end_carries_a_reason_of_its_own() -> None:
    for pair, transition in TRANSITIONS.items():
        if transition.to in ENDED | {S.STOPPING}:
            assert transition.reason or pair[0] is S.STOPPING, pair
    ends_of_running = [transition.reason for (status, _), transition in TRANSITIONS.items() if status is S.RUNNING]
    assert len(ends_of_running) == len(set(ends_of_running)), "each cause has its own reason"
    assert set(ends_of_running) <= set(CONNECTION_ERRORS), "people who are connected are told of each"


@pytest.mark.behaviour("B14", "B21")
@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_can_be_started_edited_cloned_and_deleted_and_nothing_else(status: StudioStatus) -> None:
    allowed = {action for action in Action if status_refusal(status, action) is None}
    again = {Action.RETRY_BUILD} if status is S.BUILD_FAILED else set()
    assert allowed == {Action.START, Action.EDIT, Action.CLONE, Action.DELETE} | again


@pytest.mark.behaviour("B6")
def test_a_running_one_can_be_connected_to_its_url_copied_saved_cloned_and_stopped_and_nothing_else() -> None:
    allowed = {action for action in Action if status_refusal(S.RUNNING, action) is None}
    assert allowed == {Action.CONNECT, Action.COPY_URL, Action.CHECKPOINT_NOW, Action.CLONE, Action.STOP}


@pytest.mark.behaviour("B7")
@pytest.mark.parametrize("status", S)
def test_a_stop_is_refused_while_starting_and_possible_wherever_something_runs_or_is_built(status: StudioStatus) -> None:
    assert (status_refusal(status, Action.STOP) is None) == (status in {S.RUNNING, S.BUILDING})
    assert ((status, Trigger.STOP) in TRANSITIONS) == (status in {S.RUNNING, S.BUILDING})


@pytest.mark.behaviour("B7")
def test_a_start_that_misses_its_deadline_becomes_errored_by_itself() -> None:
    assert after(S.STARTING, Trigger.START_TIMEOUT).to is S.ERRORED
    assert after(S.STARTING, Trigger.START_TIMEOUT).reason is StopReason.START_TIMEOUT


@pytest.mark.behaviour("B9")
def test_a_force_stop_ends_a_start_or_a_stop_that_hangs() -> None:
    assert {status for status in S if status_refusal(status, Action.FORCE_STOP) is None} == {S.STARTING, S.STOPPING}
    forced = {status for status, trigger in TRANSITIONS if trigger is Trigger.FORCE_STOP}
    assert forced == {S.STARTING, S.STOPPING}


@pytest.mark.behaviour("B6")
def test_each_refusal_is_a_sentence_for_people() -> None:
    for status in S:
        for action in Action:
            words = status_refusal(status, action)
            assert words is None or (words[0].isupper() and words.endswith(".") and status not in ACTIONS[action].allowed_in)
