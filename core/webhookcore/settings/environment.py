"""The environment's overrides: a variable that is set wins over its setting, within the same bounds."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import ValidationError

from webhookcore.settings.findings import shown
from webhookcore.settings.problems import Problem
from webhookcore.settings.rules.urls import wrong_url
from webhookcore.settings.spec import WebhookCoreSpec
from webhookcore.settings.spec.base import Section
from webhookcore.settings.values import value_of

S = TypeVar("S", bound=Section)

OVERRIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "SESSION_TTL_HOURS": ("sessions", "ttl_hours"),
    "WA_ROUTER_TIMEOUT_MS": ("router", "timeout_ms"),
    "WA_CORE_COLD_START_SLO_MS": ("router", "slo", "cold_start_ms"),
    "WA_CORE_P95_SLO_MS": ("router", "slo", "p95_ms"),
}
"""Which field of the spec each variable overrides."""

ROUTER_INTERNAL_URL: Final = "WEBHOOKCORE_ROUTER_INTERNAL_URL"
DEFAULT_ROUTER_INTERNAL_URL: Final = "http://127.0.0.1:9090"

NUMBER: Final = re.compile(r"[0-9]{1,12}")


def overrides(environ: Mapping[str, str]) -> tuple[dict[tuple[str, ...], int], list[Problem]]:
    """The fields that the environment sets, and what is wrong with the variables that try to."""
    numbers: dict[tuple[str, ...], int] = {}
    problems: list[Problem] = []
    for variable, place in OVERRIDES.items():
        if (text := environ.get(variable)) is None:
            continue
        section = _default_section(place)
        try:
            numbers[place] = getattr(type(section).model_validate({place[-1]: _number(text)}), place[-1])
        except ValidationError:
            must = value_of(type(section).model_fields[place[-1]]).must()
            problems.append(Problem(f"${variable}", shown(text, ()), must))
    return numbers, problems


def applied(section: S, numbers: Mapping[tuple[str, ...], int]) -> S:
    """The spec with the fields that the environment sets."""
    for place, number in numbers.items():
        section = _with(section, place, number)
    return section


def router_internal_url(environ: Mapping[str, str]) -> tuple[str, list[Problem]]:
    """Where redeliveries are posted to, without a slash at its end."""
    url = environ.get(ROUTER_INTERNAL_URL, DEFAULT_ROUTER_INTERNAL_URL)
    wrong = wrong_url(url)
    return url.rstrip("/"), [Problem(f"${ROUTER_INTERNAL_URL}", shown(url, ()), wrong)] if wrong else []


def _number(text: str) -> int | str:
    return int(text) if NUMBER.fullmatch(text) else text


def _default_section(place: tuple[str, ...]) -> Section:
    section: Section = WebhookCoreSpec.model_fields[place[0]].default
    for name in place[1:-1]:
        section = getattr(section, name)
    return section


def _with(section: S, place: tuple[str, ...], number: int) -> S:
    name, *rest = place
    value = _with(getattr(section, name), tuple(rest), number) if rest else number
    return section.model_copy(update={name: value})
