"""The home menus that WhatsApp was asked to show."""

from collections import Counter
from collections.abc import Iterator

from demo.checks.check import Check
from demo.checks.ledger import Ledger
from demo.company import Company


def sent_once(ledger: Ledger, company: Company) -> Check:
    return Check.of(
        "everybody who needed the home menu got it, as often as they asked for it, with the services in it",
        len(ledger.menus),
        _wrong(ledger, company),
    )


def _wrong(ledger: Ledger, company: Company) -> Iterator[str]:
    wanted = Counter(entry.item.lane_of for entry in ledger.menus)
    # Where nobody can know whether a menu was shown, it is not sent again: nobody wants two.
    unknown = Counter(entry.item.lane_of for entry in ledger.menus if entry.letter and entry.letter.abandoned)
    sent = Counter(menu.to for menu in ledger.observed.menus)
    for who in sorted(wanted.keys() | sent.keys()):
        if not wanted[who] - unknown[who] <= sent[who] <= wanted[who]:
            yield f"{who[:4]}…{who[-3:]}: asked for {wanted[who]} menus, got {sent[who]}"
    titles = [route.menu.title for route in company.spec.routes if route.menu is not None]
    for menu in ledger.observed.menus:
        if menu.token != company.access_token:
            yield "a menu came without the access token"
        sections = menu.content.get("interactive", {}).get("action", {}).get("sections", [])
        if [row["title"] for section in sections for row in section["rows"]] != titles:
            yield f"a menu does not list {', '.join(titles)}"
