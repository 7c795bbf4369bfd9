"""WhatsApp's JSON: messages, statuses and the notifications that carry them, as Meta writes them."""

import base64
import hashlib
import json
from typing import Any, Final

Json = dict[str, Any]

BUSINESS_ACCOUNT: Final = "100200300400500"
PHONE_NUMBER_ID: Final = "109876543210987"
DISPLAY_NUMBER: Final = "12025550142"


def digest(*parts: object) -> bytes:
    """32 bytes that depend on the parts alone: what stands for chance here."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()


def wamid(number: str, *what: object) -> str:
    """A message id as WhatsApp makes them: base64 around the number."""
    raw = b"\x1c\x18" + bytes([len(number)]) + number.encode() + b"\x15\x02\x00\x12\x18\x14"
    return "wamid." + base64.b64encode(raw + digest(number, *what).hex()[:20].upper().encode()).decode()


def media(kind: str, *what: object) -> Json:
    """What a message says of a file: where it is, not what is in it."""
    types = {"image": "image/jpeg", "sticker": "image/webp", "audio": "audio/ogg; codecs=opus", "video": "video/mp4"}
    chance = digest(kind, *what)
    return {
        "mime_type": types.get(kind, "application/pdf"),
        "sha256": base64.b64encode(chance).decode(),
        "id": str(10**15 + int.from_bytes(chance[:6], "big")),
    }


def status(state: str, wamid: str, recipient: str, moment: int, **more: Any) -> Json:
    """What became of a message that the business sent; `failed` says why."""
    made: Json = {"id": wamid, "status": state, "timestamp": str(moment), "recipient_id": recipient}
    if state == "failed":
        made["errors"] = [{"code": 131026, "title": "Message undeliverable", "message": "Message undeliverable"}]
    else:
        made["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "service"}
    return made | more


def value(**content: Any) -> Json:
    """A change's value under the field `messages`."""
    metadata = {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": PHONE_NUMBER_ID}
    return {"messaging_product": "whatsapp", "metadata": metadata, **content}


def envelope(*changes: Json, moment: int | None = None) -> Json:
    """A notification with each change in an entry of its own, as Meta batches them."""
    around: Json = {"id": BUSINESS_ACCOUNT} | ({"time": moment} if moment is not None else {})
    entries = [{**around, "changes": [change]} for change in changes]
    return {"object": "whatsapp_business_account", "entry": entries}


def change(content: Json, field: str = "messages") -> Json:
    return {"value": content, "field": field}


def encode(notification: Json) -> bytes:
    """As Meta writes JSON: compact, everything beyond ASCII escaped, slashes too."""
    return json.dumps(notification, separators=(",", ":")).replace("/", "\\/").encode("ascii")
