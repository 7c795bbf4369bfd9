"""When a run believes that no router can be reached, and which rows it leaves alone."""

from uuid import UUID

from webhookcore_workers.hold import PAUSE_SECONDS, Hold
from webhookcore_workers.reach import PAUSES_SECONDS, Reach


def test_a_burst_of_misses_counts_once() -> None:
    """50 redeliveries under way at the same time say no more than one."""
    reach = Reach()
    generation = reach.generation
    for _ in range(50):
        reach.missed(generation, 10.0, "refused")
    assert (reach.misses, reach.up, reach.away, reach.failed) == (1, False, False, True)
    assert reach.retry_at == 10.0 + PAUSES_SECONDS[0]


def test_later_and_later_and_then_never() -> None:
    """Each further try waits longer; when the last of them misses the run gives up."""
    reach, waits = Reach(), []
    while not reach.away:
        reach.missed(reach.generation, 100.0, "refused")
        waits.append(reach.retry_at - 100.0)
    assert waits == [*PAUSES_SECONDS, PAUSES_SECONDS[-1]]
    assert reach.failed
    assert reach.why == "refused"


def test_an_outcome_ends_it() -> None:
    """And misses from before do not count any more."""
    reach = Reach()
    stale = reach.generation
    reach.missed(stale, 0.0, "refused")
    reach.reached()
    assert reach.up
    reach.missed(stale, 0.0, "refused")
    assert reach.up
    reach.missed(reach.generation, 0.0, "refused")
    assert not reach.up
    assert not reach.failed, "it was reached in this run"


def test_a_row_gets_two_tries_in_a_run() -> None:
    """The second a moment later; then it is left for the next run."""
    hold, one, other = Hold(), UUID(int=1), UUID(int=2)
    assert (hold.ids(0.0), hold.seconds_until_due(0.0)) == (set(), None)
    hold.missed(one, 0.0)
    hold.missed(other, 0.5)
    assert hold.ids(0.6) == {one, other}
    assert hold.seconds_until_due(1.0) == PAUSE_SECONDS - 1.0
    assert hold.ids(PAUSE_SECONDS) == {other}
    hold.missed(one, PAUSE_SECONDS)
    assert hold.ids(1e9) == {one}
    assert hold.seconds_until_due(1e9) is None
