"""A config as the rules see it: what of it has the right types, and which of its places have not."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from webhookcore.settings.envelope import WebhookCoreConfig
from webhookcore.settings.problems import Loc, path_of
from webhookcore.settings.pruning import Pruned
from webhookcore.settings.spec import WebhookCoreSpec


@dataclass(frozen=True, slots=True)
class View:
    """The rules speak of places in what was kept; errors name them as they stand in the document."""

    config: WebhookCoreConfig
    pruned: Pruned
    broken: Collection[Loc]

    @property
    def spec(self) -> WebhookCoreSpec:
        return self.config.spec

    @property
    def routes_lost(self) -> bool:
        """Whether a route had to be left out, so that nobody can say which names there are."""
        routes = ("spec", "routes")
        return any(
            loc == routes[: len(loc)] or (loc[:2] == routes and len(loc) == len(routes) + 1) for loc in self.broken
        )

    def hurt(self, *kept: str | int) -> bool:
        """Whether this place, or what it stands in, or something in it was left out."""
        loc = self.pruned.original(kept)
        return any(loc[: len(broken)] == broken[: len(loc)] for broken in self.broken)

    def path(self, *kept: str | int) -> str:
        return path_of(self.pruned.original(kept))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
