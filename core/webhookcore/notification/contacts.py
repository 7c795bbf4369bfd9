"""Whose contact is whose, where one change holds several messages or statuses."""

from collections.abc import Iterable
from typing import Any, Final

from webhookcore.notification.exact_json import dumps

_NAMES_A_USER: Final = (
    "from",
    "from_user_id",
    "recipient_id",
    "recipient_user_id",
    "recipient_participant_id",
    "recipient_participant_user_id",
)
_IS_A_USER: Final = ("wa_id", "user_id")
_MOST_OF_ONE_USER: Final = 4


class Contacts:
    """A contact goes with the items that name its `wa_id` or `user_id`; those that no item names go, all of them,
    with the items that have none of their own. What is longer than `limit` characters goes with none, since it would be
    repeated for each; `left_out` tells that it happened.
    """

    def __init__(self, contacts: list[Any], items: Iterable[dict[str, Any]], limit: int) -> None:
        named = {user for item in items for user in _users(item, _NAMES_A_USER)}
        self._of: dict[str, list[str]] = {user: [] for user in named}
        self.left_out = False
        nobodys: list[str] = []
        for contact in contacts:
            text = dumps(contact)
            users = [user for user in _users(contact, _IS_A_USER) if user in named]
            if not users:
                nobodys.append(text)
            elif len(text) > limit:
                self.left_out = True
            else:
                self._keep(text, users)
        self._nobodys = ",".join(nobodys)
        if len(self._nobodys) > limit:
            self._nobodys, self.left_out = "", True

    def _keep(self, text: str, users: list[str]) -> None:
        for user in users:
            own = self._of[user]
            if text not in own and len(own) < _MOST_OF_ONE_USER:
                own.append(text)

    def of(self, item: dict[str, Any] | None) -> str:
        """This item's contacts as JSON, commas between; empty for none."""
        own = [text for user in _users(item, _NAMES_A_USER) for text in self._of[user]]
        return ",".join(dict.fromkeys(own)) or self._nobodys


def _users(source: Any, names: tuple[str, ...]) -> list[str]:
    if type(source) is not dict:
        return []
    values = [source.get(name) for name in names]
    return [value for value in values if type(value) is str]
