"""`webhookcore check`: what is wrong with a config, or what it says."""

from dataclasses import asdict
from typing import Any, Final

from webhookcore.settings import SettingsError, WebhookCoreSpec
from webhookcore_cli.output import NONE

COLUMNS: Final = ("Route", "Menu", "Keywords", "State prefixes", "Accepts", "Target")


def route_rows(spec: WebhookCoreSpec) -> list[tuple[str, ...]]:
    """One line a route."""
    return [
        (
            f"{route.name} (paused)" if route.paused else route.name,
            f"{route.menu.key}  {route.menu.title}" if route.menu else NONE,
            ", ".join(route.keywords) or NONE,
            ", ".join(route.state_prefixes) or NONE,
            ", ".join(route.accepts) or NONE,
            route.target_url,
        )
        for route in spec.routes
    ]


def as_dict(spec: WebhookCoreSpec) -> dict[str, Any]:
    """A valid config: its spec with every default filled in."""
    return {"valid": True, "problems": [], "spec": spec.model_dump(mode="json", by_alias=True)}


def refused(error: SettingsError) -> dict[str, Any]:
    """An invalid one: every problem."""
    return {"valid": False, "problems": [asdict(problem) for problem in error.problems]}
