"""What an unknown field was meant to be: the nearest name there is, or the way in which secrets are given."""

import difflib
from typing import Final

from webhookcore.settings.fields import ITEM, names_of, values
from webhookcore.settings.problems import Loc
from webhookcore.settings.values import Value

NEAR: Final = 0.65
KEY: Final = "[key]"
"""Where pydantic means a mapping's key and not the value behind it."""


def value_at(loc: Loc) -> Value:
    """What the place may hold; for what is passed through as it stands, the field that it stands in."""
    if loc[-1:] == (KEY,):
        loc = loc[:-2]
    place: tuple[str, ...] = ()
    for part in loc:
        further = [(*place, each) for each in (str(part), ITEM) if (*place, each) in values()]
        if not further:
            break
        place = further[0]
    return values()[place]


def remedy(loc: Loc) -> str:
    """A clause for the unknown field at `loc`."""
    unknown, section = str(loc[-1]), value_at(loc[:-1]).section
    known = {name.lower(): name for name in names_of(section)} if section else {}
    for ending in ("Ref", "SecretRef"):
        if reference := known.get(f"{unknown}{ending}".lower()):
            return f"a secret never stands in the config: name it in `{reference}: {{name, key}}`"
    if near := difflib.get_close_matches(unknown.lower(), known, 1, NEAR):
        return f"did you mean `{known[near[0]]}`?"
    if elsewhere := [place for place in values() if place[-1:] == (unknown,)]:
        return f"did you mean `{'.'.join(elsewhere[0]).replace(f'.{ITEM}', ITEM)}`?"
    return f"must be one of {', '.join(f'`{name}`' for name in known.values())}"
