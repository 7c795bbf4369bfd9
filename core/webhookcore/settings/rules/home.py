"""Rules about the home menu."""

from collections.abc import Iterator
from typing import Final

from webhookcore.settings.findings import Finding
from webhookcore.settings.spec import HOME_FALLBACK, WebhookCoreSpec
from webhookcore.settings.view import View

MAX_ROWS: Final = 10
"""The rows of WhatsApp's interactive list."""


def shows_home_menu(spec: WebhookCoreSpec) -> bool:
    """Whether anything can lead to a home menu that is sent through the Graph API."""
    return not spec.home.route and (bool(spec.home.keywords) or spec.fallback == HOME_FALLBACK)


def way_to_send(view: View) -> Iterator[Finding]:
    """The home menu can be sent."""
    loc = ("spec", "whatsapp", "accessTokenRef")
    if view.hurt(*loc) or view.hurt("spec", "home", "route") or view.hurt("spec", "fallback"):
        return
    if shows_home_menu(view.spec) and view.spec.whatsapp.access_token_ref is None:
        yield Finding(
            loc, "nothing", "must name the access token that sends the home menu, or spec.home.route a route that does"
        )


def rows(view: View) -> Iterator[Finding]:
    """WhatsApp shows at most ten rows."""
    with_entry = [index for index, route in enumerate(view.spec.routes) if route.menu is not None]
    for index in with_entry[MAX_ROWS:]:
        yield Finding(
            ("spec", "routes", index, "menu"),
            f"a menu entry after {MAX_ROWS} others",
            f"must be left out: WhatsApp shows at most {MAX_ROWS}",
        )
