"""What a notification holds, read anew: the demo's own eyes, so that the system is not its own witness."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A message, a status or another change. Two with the same identity are the same event."""

    identity: str
    lane_of: str
    """Whose order it has to keep: the sender, or a status's recipient; empty where there is nobody."""
    message_id: str | None
    """A message's own id; None for all else."""
    content: Any


def items(body: bytes) -> list[Item]:
    """In the order in which Meta told them."""
    found: list[Item] = []
    notification = json.loads(body)
    for entry in notification.get("entry", ()):
        for change in entry["changes"]:
            found += _of_change(entry, change)
    return found or [_other(notification)]


def _of_change(entry: dict[str, Any], change: dict[str, Any]) -> list[Item]:
    value = change["value"]
    if change["field"] != "messages" or not {"messages", "statuses"} & value.keys():
        return [_other([entry["id"], entry.get("time"), change])]
    number = value["metadata"]["phone_number_id"]
    found = [_message(number, message) for message in value.get("messages", ())]
    return found + [_status(number, status) for status in value.get("statuses", ())]


def _message(number: str, message: dict[str, Any]) -> Item:
    sender = message.get("from") or message["from_user_id"]
    return Item(f"message {number} {message['id']}", sender, message["id"], message)


def _status(number: str, status: dict[str, Any]) -> Item:
    whose = status.get("recipient_participant_id", status["recipient_id"])
    identity = f"status {number} {status['id']} {status['status']} {whose} {status['timestamp']}"
    return Item(identity, status["recipient_id"], None, status)


def _other(content: Any) -> Item:
    return Item(f"other {json.dumps(content, sort_keys=True)}", "", None, content)
