"""What Meta sends: realistic WhatsApp notifications of every kind, and their signature."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from typing import Any

BUSINESS_ACCOUNT = "102290129340398"
PHONE_NUMBER_ID = "106540352242922"
DISPLAY_NUMBER = "15550783881"
SENDER = "491701234567"
TIMESTAMP = 1732456800  # 2024-11-24T14:00:00Z

Json = dict[str, Any]
_numbers = itertools.count()


def wamid(number: str = SENDER) -> str:
    """A message id as WhatsApp makes them: base64 around the number, never the same twice."""
    raw = b"\x1c\x18" + bytes([len(number)]) + number.encode() + b"\x15\x02\x00\x12\x18\x14"
    return "wamid." + base64.b64encode(raw + f"{next(_numbers):06X}{secrets.token_hex(7).upper()}".encode()).decode()


# Messages


def message(kind: str, content: Any, sender: str = SENDER, *, id: str | None = None, **more: Any) -> Json:  # noqa: A002 - WhatsApp's own name
    """A message of any type; `more` is added beside `from`, `id`, `timestamp`, `type`."""
    base = {"from": sender, "id": id or wamid(sender), "timestamp": str(TIMESTAMP), "type": kind}
    return {**base, kind: content, **more}


def text(body: str, sender: str = SENDER, **more: Any) -> Json:
    return message("text", {"body": body}, sender, **more)


def list_reply(reply_id: str, title: str = "Rides", sender: str = SENDER, **more: Any) -> Json:
    """A choice from an interactive list, such as the home menu."""
    reply = {"id": reply_id, "title": title, "description": ""}
    context = {"from": DISPLAY_NUMBER, "id": wamid(DISPLAY_NUMBER)}
    return message("interactive", {"type": "list_reply", "list_reply": reply}, sender, context=context, **more)


def button_reply(reply_id: str, title: str = "Yes", sender: str = SENDER, **more: Any) -> Json:
    """A tap on an interactive button."""
    reply = {"id": reply_id, "title": title}
    context = {"from": DISPLAY_NUMBER, "id": wamid(DISPLAY_NUMBER)}
    return message("interactive", {"type": "button_reply", "button_reply": reply}, sender, context=context, **more)


def button(payload: str, label: str = "Yes", sender: str = SENDER, **more: Any) -> Json:
    """A tap on a template's quick-reply button."""
    return message("button", {"payload": payload, "text": label}, sender, **more)


def audio(sender: str = SENDER, *, voice: bool = False, **more: Any) -> Json:
    """An audio file, or a voice note."""
    content = {"mime_type": "audio/ogg; codecs=opus", "sha256": _sha256(), "id": "1013859600285441", "voice": voice}
    return message("audio", content, sender, **more)


def image(caption: str | None = None, sender: str = SENDER, **more: Any) -> Json:
    content = {"mime_type": "image/jpeg", "sha256": _sha256(), "id": "2754859441498128"}
    return message("image", {**content, **({"caption": caption} if caption is not None else {})}, sender, **more)


def location(sender: str = SENDER, **more: Any) -> Json:
    return message(
        "location", {"latitude": 52.520008, "longitude": 13.404954, "name": "Alexanderplatz"}, sender, **more
    )


def reaction(emoji: str = "👍", sender: str = SENDER, **more: Any) -> Json:
    return message("reaction", {"message_id": wamid(DISPLAY_NUMBER), "emoji": emoji}, sender, **more)


def system(sender: str = SENDER, **more: Any) -> Json:
    """A customer changed their number."""
    content = {"body": "User A changed", "wa_id": "491709999999", "type": "user_changed_number"}
    return message("system", content, sender, **more)


def unsupported(sender: str = SENDER, **more: Any) -> Json:
    """What the Cloud API cannot show (a poll, a view-once image)."""
    error = {"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}
    base = {"from": sender, "id": wamid(sender), "timestamp": str(TIMESTAMP), "type": "unsupported"}
    return {**base, "errors": [error], **more}


def from_username(body: str, user_id: str = "US.13491208655302741918", **more: Any) -> Json:
    """A text of somebody who has a username: no number, an id instead."""
    made = {**text(body, ""), "from_user_id": user_id, **more}
    del made["from"]
    return made


# Statuses


def status(state: str = "delivered", recipient: str = SENDER, *, id: str | None = None, **more: Any) -> Json:  # noqa: A002 - WhatsApp's own name
    """`sent`, `delivered`, `read` or `failed`, of a message that the business sent."""
    base = {"id": id or wamid(recipient), "status": state, "timestamp": str(TIMESTAMP), "recipient_id": recipient}
    pricing = {"billable": True, "pricing_model": "PMP", "category": "service"}
    if state == "failed":
        problem = {"code": 131026, "title": "Message undeliverable", "message": "Message undeliverable"}
        return {**base, "errors": [problem], **more}
    return {**base, "pricing": pricing, **more}


def group_status(group: str, participant: str, state: str = "read", **more: Any) -> Json:
    """One participant's status of a message to a group: the message's id repeats, the participant differs."""
    return status(state, group, recipient_type="group", recipient_participant_id=participant, **more)


# Envelopes


def value(
    *,
    messages: list[Json] | None = None,
    statuses: list[Json] | None = None,
    errors: list[Json] | None = None,
    phone_number_id: str = PHONE_NUMBER_ID,
) -> Json:
    """A change's value under the field `messages`, with the contacts of its senders."""
    made: Json = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": phone_number_id},
    }
    if messages is not None:
        senders = dict.fromkeys(item["from"] for item in messages if "from" in item)
        made["contacts"] = [{"profile": {"name": "Kerry Fisher"}, "wa_id": sender} for sender in senders]
        made["messages"] = messages
    if statuses is not None:
        made["statuses"] = statuses
    if errors is not None:
        made["errors"] = errors
    return made


def change(content: Json, field: str = "messages") -> Json:
    return {"value": content, "field": field}


def envelope(*entries: list[Json]) -> Json:
    """A notification of entries, each a list of changes."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": BUSINESS_ACCOUNT, "time": TIMESTAMP, "changes": changes} for changes in entries],
    }


def encode(notification: Json) -> bytes:
    """As Meta writes JSON: compact, everything beyond ASCII escaped, slashes too."""
    return json.dumps(notification, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def body(*messages: Json, phone_number_id: str = PHONE_NUMBER_ID) -> bytes:
    """A notification of these messages in one change."""
    return encode(envelope([change(value(messages=list(messages), phone_number_id=phone_number_id))]))


def status_body(*statuses: Json) -> bytes:
    """A notification of these statuses in one change."""
    return encode(envelope([change(value(statuses=list(statuses)))]))


def batch_body(*messages: Json) -> bytes:
    """A notification of these messages, each in an entry of its own."""
    return encode(envelope(*([change(value(messages=[item]))] for item in messages)))


def errors_body() -> bytes:
    """A change that holds only errors."""
    problem = {"code": 130429, "title": "Rate limit hit", "message": "Rate limit hit"}
    return encode(envelope([change(value(errors=[problem]))]))


def other_body(field: str = "account_update", content: Json | None = None) -> bytes:
    """A change of another field than `messages`."""
    return encode(envelope([change(content or {"phone_number": DISPLAY_NUMBER, "event": "VERIFIED_ACCOUNT"}, field)]))


# Signatures


def signature(content: bytes, secret: bytes | str) -> str:
    """X-Hub-Signature-256, computed apart from the code under test."""
    key = secret.encode() if isinstance(secret, str) else secret
    return "sha256=" + hmac.new(key, content, hashlib.sha256).hexdigest()


def signed(content: bytes, secret: bytes | str) -> dict[str, str]:
    """The headers of Meta's POST."""
    return {"Content-Type": "application/json", "X-Hub-Signature-256": signature(content, secret)}


def _sha256() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
