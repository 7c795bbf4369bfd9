"""How much longer a ConfigMap stays that nobody names any more. Pure, but for what it remembers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from webhookcore_operator.render import Owner

STAYS: Final = timedelta(seconds=60)
"""Whoever has not yet seen the template of now (a controller, a kubelet) may still start a pod from the one before."""


class Unread:
    """Since when each has had no reader: one that is read again meanwhile begins anew."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], dict[str, datetime]] = {}
        """By the owner's namespace and name, then by the ConfigMap's UID."""

    def left(self, owner: Owner, unread: Iterable[str], now: datetime) -> dict[str, float]:
        """Seconds, 0 or more, by UID: for all of a resource's that nobody names now."""
        key = (owner.namespace, owner.name)
        before = self._since.get(key, {})
        since = {uid: before.get(uid, now) for uid in unread}
        self._since[key] = since
        return {uid: max((at + STAYS - now).total_seconds(), 0.0) for uid, at in since.items()}

    def forget(self, namespace: str, name: str) -> None:
        """Of a resource that is gone."""
        self._since.pop((namespace, name), None)
