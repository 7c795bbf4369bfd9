"""The senders' locks: one each, or all at once where there are more than Postgres's lock table should hold."""

from webhookcore.store.locks import MOST_SENDERS, SENDERS, sender_lock


def test_few_senders_are_locked_one_by_one() -> None:
    """Each by name, under the shared gate."""
    name, values = sender_lock({"1", "2"})
    assert (name, values["gate"]) == ("lock_senders", SENDERS[1])
    assert sorted(values["senders"]) == ["1", "2"]  # type: ignore[call-overload] # its values are of many kinds


def test_many_senders_are_locked_at_once() -> None:
    """The gate alone, for itself: a notification of a thousand senders must not use the lock table up."""
    name, values = sender_lock({str(number) for number in range(MOST_SENDERS + 1)})
    assert (name, values) == ("lock_all_senders", {"lock_class": SENDERS[0], "gate": SENDERS[1]})
