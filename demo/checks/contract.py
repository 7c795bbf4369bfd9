"""The contract with a service: the headers of each request, and the proof that it is Webhook Core's."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Final

from demo.checks.check import Check
from demo.checks.ledger import Entry, Ledger
from demo.company import Company
from demo.observed import Receipt, received_at
from webhookcore.settings import WebhookCoreSpec

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_BY_MENU: Final = frozenset({"menu_key", "reply_id"})


def headers(ledger: Ledger, spec: WebhookCoreSpec) -> Check:
    keys = {route.name: route.menu.key for route in spec.routes if route.menu is not None}
    return Check.of(
        "every request carried the headers of the contract, with the ids of the notification that it came in",
        len(ledger.observed.receipts),
        (
            f"{entry.name}: {receipt.service} got {problem}"
            for entry in ledger.entries
            for receipt in entry.receipts
            for problem in _wrong(ledger, entry, receipt, keys)
        ),
    )


def _wrong(ledger: Ledger, entry: Entry, receipt: Receipt, menu_keys: dict[str, str]) -> Iterator[str]:
    got = receipt.headers.get
    answer = ledger.answers.get(entry.notification.number)
    answered = answer.headers if answer else {}
    by_menu = entry.expected.reason in _BY_MENU
    expected = {
        "content-type": "application/json",
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": receipt.service,
        "x-request-id": answered.get("x-request-id"),
        "x-correlation-id": answered.get("x-correlation-id"),
        "x-menu-selection": menu_keys.get(str(entry.expected.route)) if by_menu else None,
    }
    for name, value in expected.items():
        if got(name) != value:
            yield f"{name} {got(name)!r}, expected {value!r}"
    if receipt.attempt < 1:
        yield f"x-wa-attempt {got('x-wa-attempt')!r}"
    if received_at(receipt) is None:
        yield f"x-wa-received-at {got('x-wa-received-at')!r}"
    if not _TRACEPARENT.fullmatch(got("traceparent", "")):
        yield f"traceparent {got('traceparent')!r}"
    if entry.item.message_id is None and not _DIGEST.fullmatch(receipt.key):
        yield f"idempotency-key {receipt.key!r}"


def proof(ledger: Ledger, company: Company) -> Check:
    return Check.of(
        "every request was signed with its service's own secret, or carried its token",
        len(ledger.observed.receipts),
        (
            f"{receipt.service} got a request without valid proof (Idempotency-Key {receipt.key})"
            for receipt in ledger.observed.receipts
            if not _is_proven(receipt, company)
        ),
    )


def _is_proven(receipt: Receipt, company: Company) -> bool:
    secret = company.of_routes[receipt.service]
    if receipt.service in company.bearers:
        return receipt.headers.get("authorization") == f"Bearer {secret}"
    signature = "sha256=" + hmac.new(secret.encode(), receipt.body, hashlib.sha256).hexdigest()
    return receipt.headers.get("x-hub-signature-256") == signature
