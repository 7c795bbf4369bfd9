"""What people commonly do: five ways through the day, each taken by one person of every language."""

from collections.abc import Callable
from typing import Final

from demo.day import MENU
from demo.recording.conversation import Conversation

MOBILITY: Final = "wa-webhook-mobility"
INSURANCE: Final = "wa-webhook-insurance"
JOBS: Final = "wa-webhook-jobs"
HOUR: Final = 3600.0

Journey = Callable[[Conversation], None]


def ride_from_the_menu(chat: Conversation) -> None:
    words = chat.person.words
    chat.greets(words.hello)
    chat.is_answered("sent", "delivered", "read")
    chat.chooses(MOBILITY, "Rides")
    chat.shares_location()
    chat.is_answered("sent", "delivered", together=True)
    chat.text(words.how_long)
    chat.reacts("👍")
    chat.text(words.thanks)
    chat.waits(5 * HOUR).taps("trip_rate_5", MOBILITY)


def ride_by_keyword(chat: Conversation) -> None:
    words = chat.person.words
    chat.asks_for(words.ride, MOBILITY, "keyword")
    chat.shares_location()
    chat.is_answered("sent", "delivered", "read", together=True)
    chat.speaks()
    chat.text(words.how_long)
    chat.is_answered("sent", "delivered")
    chat.sends("sticker")
    chat.waits(7 * HOUR).asks_for(words.ride_to, MOBILITY, "keyword_in_text")
    chat.text(words.thanks)


def claim_after_the_hail(chat: Conversation) -> None:
    words = chat.person.words
    chat.asks_for(words.claim, INSURANCE, "keyword_in_text")
    chat.is_answered("sent", "delivered", together=True)
    chat.sends("image", caption=words.photo)
    chat.sends("image")
    chat.sends("video")
    chat.taps("ins_claim_confirm", INSURANCE)
    chat.text(words.how_long)
    chat.is_answered("sent", "failed", together=True)
    chat.waits(3 * HOUR).text(words.thanks)
    chat.reacts("🙏")


def job_by_menu_key(chat: Conversation) -> None:
    words = chat.person.words
    chat.greets(words.hello)
    chat.is_answered("sent", "delivered", "read", together=True)
    chat.asks_for(words.key, JOBS, "menu_key")
    chat.text(words.skills)
    chat.sends("document", filename="cv.pdf")
    chat.taps("job_apply_17", JOBS)
    chat.is_answered("sent", "delivered")
    chat.text(words.how_long)
    chat.text(words.thanks)


def lost_then_found(chat: Conversation) -> None:
    words = chat.person.words
    chat.text(words.lost, MENU, "fallback")
    chat.is_answered("sent", "delivered", "read", together=True)
    chat.asks_for(words.job, JOBS, "keyword_in_text")
    chat.text(words.skills)
    chat.speaks()
    chat.greets(words.hello)
    chat.chooses(INSURANCE, "Insurance")
    chat.text(words.thanks)
    chat.is_answered("read")


BEGINNINGS: Final[dict[Journey, tuple[float, float]]] = {
    ride_from_the_menu: (6.1, 14.6),
    ride_by_keyword: (6.3, 14.2),
    claim_after_the_hail: (8.7, 11.2),
    job_by_menu_key: (13.8, 16.1),
    lost_then_found: (12.4, 19.9),
}
"""Between which hours the ten people of a journey begin it, evenly spread."""
