"""How much longer a ConfigMap stays that nobody names any more."""

from datetime import UTC, datetime, timedelta

from tests.unit.operator.objects import NAMESPACE, UID

from webhookcore_operator.render import Owner
from webhookcore_operator.unread import STAYS, Unread

SHOP, OTHER = Owner("shop", NAMESPACE, UID), Owner("other", NAMESPACE, "u-2")
START = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = STAYS.total_seconds()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_it_stays_for_a_minute() -> None:
    """From when it was first found so; each for itself."""
    unread = Unread()
    assert unread.left(SHOP, ["old"], at(0)) == {"old": WHOLE}
    assert unread.left(SHOP, ["old", "older"], at(20)) == {"old": WHOLE - 20, "older": WHOLE}
    assert unread.left(SHOP, ["old", "older"], at(WHOLE)) == {"old": 0, "older": 20}
    assert unread.left(SHOP, ["old"], at(WHOLE + 500)) == {"old": 0}


def test_one_that_was_read_again_begins_anew() -> None:
    """Settings that go there and back, and there again."""
    unread = Unread()
    unread.left(SHOP, ["old"], at(0))
    assert unread.left(SHOP, [], at(30)) == {}
    assert unread.left(SHOP, ["old"], at(61)) == {"old": WHOLE}


def test_a_clock_that_is_set_back_deletes_nothing_early() -> None:
    unread = Unread()
    unread.left(SHOP, ["old"], at(0))
    assert unread.left(SHOP, ["old"], at(-5)) == {"old": WHOLE + 5}


def test_resources_do_not_know_of_each_other() -> None:
    """One of the same name that is made again begins anew, too."""
    unread = Unread()
    unread.left(SHOP, ["old"], at(0))
    assert unread.left(OTHER, ["old"], at(30)) == {"old": WHOLE}
    unread.forget(NAMESPACE, "shop")
    unread.forget(NAMESPACE, "none")
    assert unread.left(SHOP, ["old"], at(30)) == {"old": WHOLE}
    assert unread.left(OTHER, ["old"], at(60)) == {"old": WHOLE - 30}
