"""The rules beyond types. Each looks at a view of the config and yields what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from webhookcore.settings.findings import Finding
from webhookcore.settings.rules import claims, home, router, routes, schedules, urls
from webhookcore.settings.view import View

Rule = Callable[[View], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    home.way_to_send,
    urls.urls,
    router.path,
    router.autoscaling,
    routes.names,
    routes.one_target,
    routes.media,
    routes.references,
    home.rows,
    claims.words,
    claims.state_prefixes,
    schedules.schedules,
)


def broken_rules(view: View) -> Iterator[Finding]:
    """What every rule finds, at its place in the original document."""
    for rule in RULES:
        for finding in rule(view):
            yield replace(finding, loc=view.pruned.original(finding.loc))
