"""Every Secret that a spec names, by the field that names it, and the parts that read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webhookcore.settings import (
    DLQ_PROCESSOR_NEEDS,
    ROUTER_NEEDS,
    SESSION_CLEANUP_NEEDS,
    Need,
    SecretRef,
    WebhookCoreSpec,
)
from webhookcore.settings.problems import Loc, path_of
from webhookcore_operator.render.names import Part

NEEDS: Final = {
    Part.ROUTER: ROUTER_NEEDS,
    Part.DLQ_PROCESSOR: DLQ_PROCESSOR_NEEDS,
    Part.SESSION_CLEANUP: SESSION_CLEANUP_NEEDS,
    Part.MIGRATE: frozenset({Need.DATABASE}),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A Secret's key, and who wants it."""

    path: str
    """The field that names it: `spec.routes[0].secretRef`."""
    name: str
    key: str
    parts: frozenset[Part]


def references(spec: WebhookCoreSpec) -> list[Reference]:
    """Every reference of the spec, in its own order. A Secret that two fields name is there twice."""
    return [
        Reference(path_of(loc), ref.name, ref.key, frozenset(part for part, needs in NEEDS.items() if need in needs))
        for loc, ref, need in _named(spec)
        if ref is not None
    ]


def _named(spec: WebhookCoreSpec) -> Iterator[tuple[Loc, SecretRef | None, Need]]:
    yield ("spec", "database", "urlSecretRef"), spec.database.url_secret_ref, Need.DATABASE
    yield ("spec", "whatsapp", "appSecretRef"), spec.whatsapp.app_secret_ref, Need.APP_SECRET
    yield ("spec", "whatsapp", "previousAppSecretRef"), spec.whatsapp.previous_app_secret_ref, Need.WHATSAPP
    yield ("spec", "whatsapp", "verifyTokenRef"), spec.whatsapp.verify_token_ref, Need.WHATSAPP
    yield ("spec", "whatsapp", "accessTokenRef"), spec.whatsapp.access_token_ref, Need.WHATSAPP
    for index, route in enumerate(spec.routes):
        yield ("spec", "routes", index, "secretRef"), route.secret_ref, Need.ROUTES
