"""Checks a document against the types and the rules, and finds all that is wrong at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webhookcore.settings.envelope import WebhookCoreConfig
from webhookcore.settings.findings import Finding, shown
from webhookcore.settings.names import remedy, value_at
from webhookcore.settings.problems import Loc
from webhookcore.settings.pruning import Pruned, reached
from webhookcore.settings.rules import broken_rules
from webhookcore.settings.view import View

# Stands in for what is required and missing or wrong, so that the rest can be checked; never handed out as settings.
STAND_IN_REF: Final = {"name": "missing", "key": "missing"}
STAND_IN: Final[dict[str, Any]] = {
    "apiVersion": "webhookcore.io/v1alpha1",
    "kind": "WebhookCoreConfig",
    "metadata": {"name": "missing"},
    "spec": {"whatsapp": {"appSecretRef": STAND_IN_REF, "verifyTokenRef": STAND_IN_REF}},
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking found. `view` is what could be read of the config, None where nothing could; it may be used as
    settings only where `findings` is empty.
    """

    view: View | None
    findings: tuple[Finding, ...]
    unknown: tuple[Finding, ...] = ()
    """Unknown fields that were tolerated."""


def check(data: Any, *, tolerate_unknown: bool = False) -> Checked:
    """Checks a WebhookCoreConfig as plain data. In a cluster an older image tolerates fields that it does not know."""
    broken: set[Loc] = set()
    ignored: set[Loc] = set()
    findings: list[Finding] = []
    unknown: list[Finding] = []
    before = -1
    while () not in broken and before < len(broken) + len(ignored):
        before = len(broken) + len(ignored)
        pruned = Pruned(data, broken | ignored)
        try:
            config = WebhookCoreConfig.model_validate(
                _completed(pruned.data, STAND_IN, broken), by_alias=True, by_name=False
            )
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                loc = pruned.original(detail["loc"])
                if tolerate_unknown and detail["type"] == "extra_forbidden":
                    unknown.append(_finding(detail, loc, data))
                    ignored.add(loc)
                else:
                    findings.extend(() if loc in broken else [_finding(detail, loc, data)])
                    broken.update(_taken_out(detail, loc, data))
        else:
            view = View(config, pruned, frozenset(broken))
            return Checked(view, (*findings, *broken_rules(view)), tuple(unknown))
    return Checked(None, tuple(findings), tuple(unknown))


def _finding(detail: ErrorDetails, loc: Loc, data: Any) -> Finding:
    if detail["type"] == "missing":
        return Finding(loc, "nothing", value_at(loc).must())
    if detail["type"] == "extra_forbidden":
        return Finding(loc, "an unknown field", remedy(loc))
    place, value = reached(data, loc)
    must = value_at(loc)
    if must.is_collection and isinstance(value, str | int | float):
        return Finding(place, "text" if isinstance(value, str) else "a number or a truth value", must.must())
    in_quotes = ", in quotes" if must.kind == "string" and isinstance(value, int | float) else ""
    return Finding(place, shown(value, place), must.must() + in_quotes)


def _taken_out(detail: ErrorDetails, loc: Loc, data: Any) -> Iterator[Loc]:
    """What has to be left out for the error to go. A list that is too long keeps its beginning."""
    if detail["type"] == "missing":
        yield loc if _stands_in(loc) else loc[:-1]
        return
    place, value = reached(data, loc)
    if detail["type"] == "too_long" and isinstance(value, list):
        yield from ((*place, index) for index in range(detail["ctx"]["max_length"], len(value)))
    else:
        yield place


def _stands_in(loc: Loc) -> bool:
    return reached(STAND_IN, loc)[0] == loc


def _completed(data: Any, stand_in: dict[str, Any], broken: set[Loc], loc: Loc = ()) -> Any:
    """The data, with a stand-in for each broken part that the rest cannot be checked without."""
    for name, value in stand_in.items() if isinstance(data, dict) else ():
        if (*loc, name) in broken and name not in data:
            data[name] = value
        elif isinstance(value, dict) and name in data:
            _completed(data[name], value, broken, (*loc, name))
    return data
