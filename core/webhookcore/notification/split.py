"""A notification split into its events: each is deduplicated, routed, delivered and retried by itself."""

from typing import Any

from webhookcore.notification.cuts import cuts
from webhookcore.notification.dedupe import whole_key
from webhookcore.notification.envelope import Envelopes
from webhookcore.notification.event import Event
from webhookcore.notification.read import Reader, whole


def split(notification: dict[str, Any], body: bytes) -> list[Event]:
    """The events of a parsed notification, at least one, in its own order. Takes whatever `parse_notification` gave.

    The only event of a body is that body, byte for byte. Else each event gets an envelope of its own; where these
    cannot hold all of what surrounds the events (see `Envelopes.crowded`), the body itself is one more event, so that
    nothing is lost.
    """
    found = cuts(notification)
    reader = Reader()
    if len(found) == 1:
        return [reader.event(found[0], 0, body)]
    envelopes = Envelopes(notification, found)
    events = [reader.event(cut, position, envelopes.of(cut)) for position, cut in enumerate(found)]
    if envelopes.crowded:
        events.append(whole(whole_key(body), body))
    return events
