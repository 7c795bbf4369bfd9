"""A day on which all came out right, as everybody would have seen it: made up, for tests to spoil."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from demo.company import Company
from demo.day import Notification
from demo.observed import Answer, Cleanup, Letter, MenuSent, Observed, Receipt, Run, Verdict
from demo.reading import Item, items
from demo.recording.whatsapp import change, encode, envelope, value

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BY_MENU = ("menu_key", "reply_id")


def perfect(day: Sequence[Notification], company: Company) -> Observed:
    """Each event takes 10 ms and comes at its time of the day; poison is refused once and abandoned."""
    observed = Observed()
    for notification in day:
        at = notification.at.total_seconds()
        request_id = f"request-{notification.number}"
        if notification.signed_by != "meta":
            observed.answers.append(Answer(notification.number, 401, {}))
            continue
        first = notification.expected[0]
        headers = {
            "x-request-id": request_id,
            "x-correlation-id": request_id,
            "x-wa-core-latency": "3ms",
            "x-event-count": str(len(notification.expected)),
            "x-routed-service": first.route or "none",
            "x-routing-reason": first.reason,
        }
        observed.answers.append(Answer(notification.number, 200, headers))
        observed.verdicts[request_id] = [Verdict(each.route, each.reason) for each in notification.expected]
        for position, (item, expected) in enumerate(zip(items(notification.body), notification.expected, strict=True)):
            if expected.route is None or expected.is_repeat:
                continue
            if expected.route == "wa-webhook-core":
                observed.menus.append(MenuSent(item.lane_of, company.access_token, _menu(company), at))
                continue
            body = notification.body if len(notification.expected) == 1 else alone(item)
            receipt = Receipt(expected.route, {}, body, at + position / 50, at + position / 50 + 0.01, 200)
            receipt.headers = headers_of(receipt, company, item, request_id, at)
            if expected.reason in BY_MENU:
                keys = {route.name: route.menu.key for route in company.spec.routes if route.menu}
                receipt.headers = {**receipt.headers, "x-menu-selection": keys[expected.route]}
            observed.receipts.append(receipt)
            if expected.abandoned:
                receipt.status = 422
                letter = Letter(receipt.key, receipt.service, "NeverRetry", "answered 422", 0, 1, False, True)
                observed.letters.append(letter)
    result = {"success": True, "sessions": {"deleted": 3}, "dlq": {"deleted": 0}, "abandoned": {"deleted": 1}}
    numbers = {"sessions": 3, "processed": 0, "abandoned": 1}
    observed.cleanup = Cleanup(numbers, numbers, Run("night", "session-cleanup", 0, result))
    observed.runs = [
        Run("22:00", "dlq-processor", 0, {"processed": 1, "successful": 0, "failed": 1}),
        observed.cleanup.run,
    ]
    observed.router_exits = [0, 0]
    return observed


def alone(item: Item) -> bytes:
    """One event of a batch in an envelope of its own."""
    name = "statuses" if item.message_id is None else "messages"
    return encode(envelope(change(value(**{name: [item.content]}))))


def headers_of(receipt: Receipt, company: Company, item: Item, request_id: str, at: float) -> dict[str, str]:
    """The contract's headers of a first attempt."""
    secret = company.of_routes[receipt.service]
    signature = "sha256=" + hmac.new(secret.encode(), receipt.body, hashlib.sha256).hexdigest()
    bearer = receipt.service in company.bearers
    return {
        "content-type": "application/json",
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": receipt.service,
        "x-request-id": request_id,
        "x-correlation-id": request_id,
        "idempotency-key": item.message_id or hashlib.sha256(item.identity.encode()).hexdigest(),
        "x-wa-attempt": "1",
        "x-wa-received-at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "traceparent": TRACE,
        **({"authorization": f"Bearer {secret}"} if bearer else {"x-hub-signature-256": signature}),
    }


def _menu(company: Company) -> dict[str, object]:
    rows = [{"id": route.name, "title": route.menu.title} for route in company.spec.routes if route.menu]
    return {"type": "interactive", "interactive": {"action": {"sections": [{"rows": rows}]}}}
