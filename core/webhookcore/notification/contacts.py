"""Whose contact is whose, where one change holds several messages or statuses."""

from collections.abc import Sequence
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
    with the items that have none of their own, or with every item where each has one. What is longer than `limit`
    characters goes with none, since it would be repeated for each, and so does a user's fifth contact; `left_out` tells
    that it happened.
    """

    def __init__(self, contacts: list[Any], items: Sequence[dict[str, Any]], limit: int) -> None:
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
        self._all_have_own = all(self._own(item) for item in items)

    def _keep(self, text: str, users: list[str]) -> None:
        for user in users:
            own = self._of[user]
            if text in own:
                continue
            if len(own) < _MOST_OF_ONE_USER:
                own.append(text)
            else:
                self.left_out = True

    def of(self, item: dict[str, Any] | None) -> str:
        """This item's contacts as JSON, commas between; empty for none."""
        own = self._own(item)
        if self._nobodys and (self._all_have_own or not own):
            own.append(self._nobodys)
        return ",".join(own)

    def _own(self, item: dict[str, Any] | None) -> list[str]:
        """Those of the users that the item names, each once."""
        return list(dict.fromkeys(text for user in _users(item, _NAMES_A_USER) for text in self._of[user]))


def _users(source: Any, names: tuple[str, ...]) -> list[str]:
    if type(source) is not dict:
        return []
    values = [source.get(name) for name in names]
    return [value for value in values if type(value) is str]
