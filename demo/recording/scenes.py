"""What happens once in the day: odd messages, batches, repeats, strangers, and what is no message at all."""

from demo.day import Expected
from demo.recording.conversation import REPORTS, SUPPORT, Conversation
from demo.recording.journeys import HOUR, INSURANCE, JOBS, MOBILITY
from demo.recording.people import Person, person
from demo.recording.tape import Tape, epoch, seconds
from demo.recording.whatsapp import Json, change, encode, envelope, media, status, value, wamid

COUNTED = Expected(None, "counted")
PHOTOS = 36


def scenes(tape: Tape) -> None:
    """All of them."""
    for scene in (
        poison,
        odd_characters,
        nothing_asked,
        no_number,
        many_kinds,
        after_the_tunnel,
        one_batch,
        groups,
        not_messages,
        strangers,
    ):
        scene(tape)


def meet(tape: Tape, clock: str, language: str, position: int, name: str) -> Conversation:
    """Somebody who is on none of the journeys."""
    return Conversation(tape, person(language, 20 + position, name), seconds(clock))


def poison(tape: Tape) -> None:
    """Two messages that their service never takes: one refused for what it says, one that makes it fail each time."""
    chat = meet(tape, "07:20", "English", 0, "Ezra Quillfeather")
    chat.asks_for("Insurance, please", INSURANCE, "keyword_in_text")
    chat.text("Policy 0000-XX, what does it cover?", abandoned=True)
    chat.text("Sorry, I meant 7311-AB")
    chat = meet(tape, "10:05", "German", 0, "Ottilie Zaunkönig")
    chat.asks_for("Arbeit", JOBS, "keyword")
    said = chat.says("document", media("document", "poison") | {"filename": "cv 🦄.pdf"}, abandoned=True)
    chat.posts("a document whose name the jobs service cannot stand", said)
    chat.waits(HOUR).text("Haben Sie meine Unterlagen bekommen?")


def odd_characters(tape: Tape) -> None:
    """What no jsonb column takes, and bytes that must arrive as they came."""
    chat = meet(tape, "11:45", "French", 0, "Zéphyrin Null")
    said = chat.says("text", {"body": "taxi\u0000 ?"}, MOBILITY, "keyword_in_text")
    chat.posts("a text with a null character", said, exact=True)
    chat.service = MOBILITY
    said = chat.says("text", {"body": "half an emoji: \ud83d"})
    chat.posts("a text with a lone surrogate", said, exact=True)
    place = {"latitude": 48.8584, "longitude": 2.2945, "accuracy": "1e999999"}
    said = chat.says("location", place)
    huge = encode(envelope(change(value(contacts=[chat.person.contact()], messages=[said.message]))))
    body = huge.replace(b'"1e999999"', b"1e999999")
    tape.post(chat.at, "a location with a number that no database holds", body, said.expected, exact=True)
    chat.text("a" * 4096)
    chat.text(chat.person.words.thanks)


def nothing_asked(tape: Tape) -> None:
    """Reactions, system messages and what WhatsApp could not show: they follow a session, or are counted."""
    error = {"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}
    moved = {"body": "User A changed from 999 to 999", "wa_id": "99955509999", "type": "user_changed_number"}
    chat = meet(tape, "09:10", "Portuguese", 0, "Vasco Ninguém")
    for kind, content in (("reaction", {"message_id": wamid("0", "x"), "emoji": "😀"}), ("system", moved)):
        said = chat.says(kind, content, reason="counted")
        chat.posts(f"{kind}, while no service is talking to them", said)
    chat.asks_for("Moto", MOBILITY, "keyword")
    chat.posts("system, while the rides are talking to them", chat.says("system", moved))
    chat.posts("a poll, which no API shows", chat.says("unsupported", {}, errors=[error]))
    chat.reacts("❤️")


def no_number(tape: Tape) -> None:
    """Somebody with a username: WhatsApp tells an id instead of a number."""
    words = person("English", 0).words
    who = Person("quiet.fox", "", words, user_id="US.13491208655302741918")
    chat = Conversation(tape, who, seconds("15:10"))
    chat.greets("menu")
    chat.chooses(MOBILITY, "Rides")
    chat.text(words.how_long)


def many_kinds(tape: Tape) -> None:
    """Every kind of message that goes on with the service that somebody talks to."""
    chat = meet(tape, "16:20", "Spanish", 0, "Fermín Todoterreno")
    chat.greets("  HOLA ")
    chat.asks_for("Seguro", INSURANCE, "keyword")
    contact = {"name": {"formatted_name": "Nadie Nunca", "first_name": "Nadie"}, "phones": [{"phone": "+999 5550 000"}]}
    order = {"catalog_id": "1", "product_items": [{"product_retailer_id": "a", "quantity": "1", "item_price": "5"}]}
    flow = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"ride":"yes"}'}}
    kinds = {"contacts": [contact], "order": order, "interactive": flow, "kind_of_tomorrow": {"ride": 1}}
    for kind, content in kinds.items():
        chat.posts(kind, chat.says(kind, content))
    chat.sends("document", MOBILITY, "keyword", caption="viaje", filename="billete.pdf")
    chat.service = MOBILITY
    chat.sends("audio", SUPPORT, "media")
    template = {"payload": "trabajo", "text": "Ver ofertas"}
    chat.posts("a template's button", chat.says("button", template, JOBS, "keyword"))
    chat.service = JOBS
    chat.text("¿Y mañana?")


def after_the_tunnel(tape: Tape) -> None:
    """A phone that was away sends everything at once: more than a sender may send in a minute."""
    chat = meet(tape, "12:15", "English", 1, "Otto Clickham")
    chat.asks_for("agent", SUPPORT, "keyword")
    photos = [chat.says("image", media("image", "tunnel", n)) for n in range(PHOTOS)]
    tape.messages(chat.at, f"{chat.person.name}: {PHOTOS} photos after a tunnel", *photos)
    chat.waits(120).greets("home")


def one_batch(tape: Tape) -> None:
    """Meta was held up: messages of several people and statuses in one notification, one of them a repeat."""
    chats = [meet(tape, "18:05", language, 2, name) for language, name in _FELLOWS.items()]
    first = chats[0].says("text", {"body": "taxi"}, MOBILITY, "keyword")
    take = tape.messages(chats[0].at, f"{chats[0].person.name}: taxi", first)
    at = max(chat.at for chat in chats) + 60
    fresh = [chat.says("text", {"body": chat.person.words.ride}, MOBILITY, "keyword") for chat in chats[1:]]
    about, to = wamid("999", "batch"), chats[0].person.number
    states = [status(state, about, to, epoch(at)) for state in ("sent", "delivered", "read")]
    changes = [change(value(contacts=[said.person.contact()], messages=[said.message])) for said in (first, *fresh)]
    changes.append(change(value(statuses=states)))
    repeat = Expected(MOBILITY, "duplicate")
    reports = [Expected(REPORTS, "status")] * len(states)
    expected = (repeat, *(said.expected for said in fresh), *reports)
    whole = tape.changes(at, "a batch that begins with a message that came before", changes, *expected)
    tape.again(take, 2 * HOUR, "Meta again")
    tape.again(whole, HOUR / 2, "Meta again")


_FELLOWS = {
    "Swahili": "Hamisi Mkokoteni",
    "Kinyarwanda": "Shema Igare",
    "Hindi": "तारा रिक्शावाला",
    "Chinese": "马路平",
    "Arabic": "نور السائق",
    "French": "Anatole Vélib",
}


def groups(tape: Tape) -> None:
    """A group tells its statuses for each participant, under one message id."""
    at, about = seconds("17:15"), wamid("999", "group")
    participants = [person("German", n).number for n in range(3)]
    made = [
        status(state, about, "120363999999", epoch(at), recipient_type="group", recipient_participant_id=number)
        for state in ("delivered", "read")
        for number in participants
    ]
    body = encode(envelope(change(value(statuses=made))))
    tape.post(at, "a group's statuses", body, *[Expected(REPORTS, "status")] * len(made))


def not_messages(tape: Tape) -> None:
    """Changes that are no live messages, whatever they hold: counted, and given to nobody."""
    old: Json = {"from": "99955500001", "id": wamid("99955500001", "old"), "timestamp": "1700000000", "type": "text"}
    old |= {"text": {"body": "taxi"}}
    threads = [{"id": "99955500001", "messages": [old]}]
    update = {"phone_number": "12025550142", "event": "VERIFIED_ACCOUNT"}
    echo = {"message_echoes": [{**old, "to": "99955500001"}]}
    wrong = {"code": 130429, "title": "Rate limit hit", "message": "Rate limit hit"}
    for clock, note, made in (
        ("06:40", "an account update", change(update, "account_update")),
        ("08:15", "a history of messages from before", change(value(history=[{"threads": threads}]), "history")),
        ("10:50", "an echo of what a colleague wrote by hand", change(value(**echo), "smb_message_echoes")),
        ("14:35", "a change that holds only errors", change(value(errors=[wrong]))),
        ("20:10", "a field that nobody knows yet", change({"what": ["new"]}, "field_of_tomorrow")),
    ):
        tape.changes(seconds(clock), note, [made], COUNTED)
    tape.post(seconds("21:05"), "an object without any entry", b'{"object":"whatsapp_business_account"}', COUNTED)


def strangers(tape: Tape) -> None:
    """Whoever knows the callback URL may post to it; only Meta's signature opens it."""
    for n, (clock, who) in enumerate((("07:50", "nobody"), ("19:30", "a stranger"), ("19:31", "a stranger"))):
        chat = meet(tape, clock, "English", 3 + n, "Mallory Vale")
        said = chat.says("text", {"body": "taxi"}).message
        body = encode(envelope(change(value(contacts=[chat.person.contact()], messages=[said]))))
        tape.post(seconds(clock), f"signed by {who}", body, signed_by=who)
