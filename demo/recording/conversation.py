"""A conversation: one person's messages through the day, each with where somebody who reads along expects it to go."""

from typing import Any, Final, Self

from demo.day import MENU, Expected
from demo.recording.people import Person
from demo.recording.tape import Said, Take, Tape, epoch
from demo.recording.whatsapp import DISPLAY_NUMBER, Json, change, digest, encode, envelope, media, status, value, wamid

REPORTS: Final = "wa-webhook-reports"
SUPPORT: Final = "wa-webhook-support"
SHORTEST_PAUSE: Final = 20
LONGEST_PAUSE: Final = 140


class Conversation:
    """Whoever writes says where it should go: `route` and `reason`; what they do not say goes on with `service`."""

    def __init__(self, tape: Tape, person: Person, at: float) -> None:
        self.person = person
        self.at = at
        self.service: str | None = None
        self._tape = tape
        self._count = 0

    def waits(self, seconds: float) -> Self:
        self.at += seconds
        return self

    def _next(self) -> int:
        """The time of the next message, and its number."""
        self._count += 1
        chance = int.from_bytes(digest(self.person.name, self._count)[:4], "big")
        self.at += SHORTEST_PAUSE + chance % ((LONGEST_PAUSE - SHORTEST_PAUSE) * 1000) / 1000
        return self._count

    def says(self, kind: str, content: Any, route: str | None = None, reason: str = "session", **more: Any) -> Said:
        """A message that is not posted yet. `abandoned`: its service will never take it."""
        number = self._next()
        abandoned = more.pop("abandoned", False)
        identity = {**self.person.called(), "id": wamid(self.person.number or self.person.user_id, number)}
        message: Json = {**identity, "timestamp": str(epoch(self.at)), "type": kind, kind: content, **more}
        return Said(self.person, message, Expected(route or self.service, reason, abandoned))

    def posts(self, note: str, said: Said, *, exact: bool = False) -> Take:
        return self._tape.messages(self.at, f"{self.person.name}: {note}", said, exact=exact)

    def text(self, body: str, route: str | None = None, reason: str = "session", **more: Any) -> Take:
        return self.posts(body, self.says("text", {"body": body}, route, reason, **more))

    def asks_for(self, body: str, route: str, reason: str) -> Take:
        """A text that begins to talk to a service."""
        take = self.text(body, route, reason)
        self.service = route
        return take

    def greets(self, body: str) -> Take:
        """A home word, which also ends talking to whichever service it was."""
        take = self.text(body, MENU, "home")
        self.service = None
        return take

    def chooses(self, route: str, title: str) -> Take:
        """A row of the home menu."""
        reply = {"id": route, "title": title, "description": ""}
        context = {"from": DISPLAY_NUMBER, "id": wamid(DISPLAY_NUMBER, self.person.name, self._count)}
        content = {"type": "list_reply", "list_reply": reply}
        take = self.posts(f"chooses {title}", self.says("interactive", content, route, "reply_id", context=context))
        self.service = route
        return take

    def taps(self, reply_id: str, route: str) -> Take:
        """A button that one of the services had sent; its id says whose it is."""
        reply = {"id": reply_id, "title": self.person.words.yes}
        content = {"type": "button_reply", "button_reply": reply}
        take = self.posts(f"taps {reply_id}", self.says("interactive", content, route, "state_prefix"))
        self.service = route
        return take

    def sends(self, kind: str, route: str | None = None, reason: str = "session", **content: Any) -> Take:
        """A picture, a sticker, a document."""
        made = media(kind, self.person.name, self._count) | content
        return self.posts(kind, self.says(kind, made, route, reason))

    def speaks(self) -> Take:
        """A voice note, which goes to people however it stands with the services."""
        made = media("audio", self.person.name, self._count) | {"voice": True}
        return self.posts("a voice note", self.says("audio", made, SUPPORT, "media"))

    def shares_location(self) -> Take:
        place = {"latitude": -1.944072, "longitude": 30.061885, "name": "Bus park", "address": "12 Nowhere Street"}
        return self.posts("a location", self.says("location", place))

    def reacts(self, emoji: str, route: str | None = None, reason: str = "session") -> Take:
        about = wamid(DISPLAY_NUMBER, self.person.name, self._count)
        said = self.says("reaction", {"message_id": about, "emoji": emoji}, route, reason)
        return self.posts(f"reacts with {emoji}", said)

    def is_answered(self, *states: str, together: bool = False) -> None:
        """The business answers; Meta tells that it was sent, delivered, read: one by one or together."""
        about = wamid(self.person.number, "answer", self._count)
        made = [status(state, about, self.person.number, epoch(self.at + 2 + n)) for n, state in enumerate(states)]
        expected = Expected(REPORTS, "status")
        for n, batch in enumerate([made] if together else [[each] for each in made]):
            note = f"to {self.person.name}: {', '.join(each['status'] for each in batch)}"
            body = encode(envelope(change(value(statuses=batch))))
            self._tape.post(self.at + 2.25 + n, note, body, *[expected] * len(batch))
