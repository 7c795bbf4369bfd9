"""A notification as Meta posts it for one message of one sender."""

import base64
import json
import re
from datetime import datetime
from typing import Any, Final

from webhookcore_cli.trouble import EXIT_USAGE, TroubleError

PHONE_NUMBER_ID: Final = "106540352242922"
DISPLAY_NUMBER: Final = "15550783881"
_NUMBER: Final = re.compile(r"[1-9][0-9]{6,14}")


def phone_number(given: str) -> str:
    """Digits with the country's code, as WhatsApp writes them; "+49 170 1234567" is understood."""
    digits = re.sub(r"[\s().+-]", "", given)
    if not _NUMBER.fullmatch(digits):
        raise TroubleError(
            f"{given!r} is no phone number: give 7 to 15 digits with the country's code, such as 491701234567.",
            EXIT_USAGE,
        )
    return digits


def message_id(sender: str, uniqueness: bytes) -> str:
    """As WhatsApp makes them: base64 around the number and something that never repeats."""
    raw = b"\x1c\x18" + bytes([len(sender)]) + sender.encode() + b"\x15\x02\x00\x12\x18" + uniqueness
    return "wamid." + base64.b64encode(raw).decode()


def notification(text: str, sender: str, wamid: str, at: datetime, reply_id: str | None = None) -> bytes:
    """`text` as a text message, or as the title of a choice from a list when `reply_id` says which."""
    message: dict[str, Any] = {"from": sender, "id": wamid, "timestamp": str(int(at.timestamp()))}
    if reply_id is None:
        message |= {"type": "text", "text": {"body": text}}
    else:
        reply = {"id": reply_id, "title": text}
        message |= {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": reply}}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": PHONE_NUMBER_ID},
        "contacts": [{"profile": {"name": "webhookcore send"}, "wa_id": sender}],
        "messages": [message],
    }
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")).encode()
