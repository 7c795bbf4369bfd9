"""The advisory locks, all in one place. (int, int) keys are apart from the senders' bigint keys in Postgres."""

from typing import Final

from webhookcore.store.arrays import Texts

_CLASS: Final = 0x57_48_43  # "WHC"

CLAIM: Final = (_CLASS, 1)
"""Held by whoever claims rows of the inbox or the dead letter queue, so that no lane is claimed twice."""

SENDERS: Final = (_CLASS, 2)
"""Shared by those that lock single senders; exclusive for a notification of too many senders to lock one by one."""

MIGRATE: Final = (_CLASS, 3)
"""Held by the session that migrates."""

REAP: Final = (_CLASS, 4)
"""Held by the router that takes the leases of dead routers back."""

MOST_SENDERS: Final = 512
"""More senders than this in one transaction lock them all at once: Postgres's lock table is finite."""


def sender_lock(senders: set[str]) -> tuple[str, dict[str, object]]:
    """Name (in locks.sql) and parameters of the statement that locks these senders until the transaction ends."""
    lock_class, gate = SENDERS
    if len(senders) > MOST_SENDERS:
        return "lock_all_senders", {"lock_class": lock_class, "gate": gate}
    return "lock_senders", {"lock_class": lock_class, "gate": gate, "senders": Texts(senders)}
