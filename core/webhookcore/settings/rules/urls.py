"""Rules about where something is sent: read by the same parser as the client's, so that both see the same host."""

from collections.abc import Iterator
from typing import Final

from pyreqwest.http import Url

from webhookcore.delivery.addresses import is_metadata
from webhookcore.settings.findings import Finding, shown
from webhookcore.settings.problems import Loc
from webhookcore.settings.view import View, quoted

METADATA: Final = "must not be a cloud metadata address"


def urls(view: View) -> Iterator[Finding]:
    """No password, no cloud metadata address, and not the router itself. (Names are judged again when resolved.)"""
    graph_api: Loc = ("spec", "whatsapp", "graphApiUrl")
    yield from _findings(graph_api, view.spec.whatsapp.graph_api_url, view)
    for index, route in enumerate(view.spec.routes):
        if route.url is not None:
            yield from _findings(("spec", "routes", index, "url"), route.url, view)
        if route.service is not None and (wrong := _wrong_host(route.service.name, view)):
            yield Finding(("spec", "routes", index, "service", "name"), quoted(route.service.name), wrong)


def wrong_url(url: str) -> str | None:
    """A clause that says what a URL must be, or None where it is fine."""
    try:
        parsed = Url(url)
    except ValueError as error:
        return f"must be an http or https URL ({error})"
    if parsed.scheme not in ("http", "https"):
        return "must be an http or https URL"
    if parsed.username or parsed.password:
        return "must hold no user and no password"
    if parsed.fragment is not None:
        return "must hold no fragment (#...)"
    return METADATA if is_metadata(parsed.host_str or "") else None


def _findings(loc: Loc, url: str, view: View) -> Iterator[Finding]:
    if wrong := wrong_url(url) or _wrong_host(Url(url).host_str or "", view):
        yield Finding(loc, shown(url, loc), wrong)


def _wrong_host(host: str, view: View) -> str | None:
    if is_metadata(host):
        return METADATA
    name = view.config.metadata.name
    if host.partition(".")[0] in (f"{name}-router", f"{name}-router-internal"):
        return "must not be the router itself"
    return None
