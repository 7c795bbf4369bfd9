"""The secrets that each part of Webhook Core needs, and where each is found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from webhookcore.settings.document import Document
from webhookcore.settings.finder import Finder, Sought
from webhookcore.settings.problems import Loc, path_of
from webhookcore.settings.spec import SecretRef, SecretUse
from webhookcore.settings.view import View

SHORTEST: Final = 8
"""Bytes that a secret has at least which signs or verifies."""

INTERNAL_SECRET: Final = "WEBHOOKCORE_INTERNAL_SECRET"  # noqa: S105 - a variable's name
INTERNAL_REF: Final = SecretRef(name="internal", key="secret")
OTHER: Final = re.compile(r"[^A-Z0-9]")


class Need(StrEnum):
    """What a part of Webhook Core cannot start without."""

    DATABASE = "database"
    APP_SECRET = "app secret"  # noqa: S105 - a name
    WHATSAPP = "whatsapp"
    """All else of Meta's side."""
    INTERNAL = "internal"
    ROUTES = "routes"


ROUTER_NEEDS: Final = frozenset(Need)
DLQ_PROCESSOR_NEEDS: Final = frozenset({Need.DATABASE, Need.INTERNAL})
SESSION_CLEANUP_NEEDS: Final = frozenset({Need.DATABASE})


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret that a part needs; what it does not need is empty. Its repr shows none of them."""

    app_secret: bytes = field(default=b"", repr=False)
    previous_app_secret: bytes | None = field(default=None, repr=False)
    verify_token: str = field(default="", repr=False)
    access_token: str | None = field(default=None, repr=False)
    internal_secret: bytes = field(default=b"", repr=False)
    routes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """A route's own secret by the route's name; routes without one are absent."""


class Search:
    """Looks up the secrets that a config names. What is wrong becomes the finder's problem, and then the result is
    good for nothing.
    """

    def __init__(self, view: View, document: Document, finder: Finder) -> None:
        self._view = view
        self._document = document
        self._finder = finder

    def secrets(self, need: frozenset[Need]) -> Secrets:
        """All that is needed."""
        found: dict[str, Any] = {}
        if Need.APP_SECRET in need:
            found["app_secret"] = self._finder.find(self._app_secret()) or b""
        if Need.WHATSAPP in need:
            found |= self._whatsapp()
        if Need.INTERNAL in need:
            internal = Sought(f"${INTERNAL_SECRET}", INTERNAL_SECRET, INTERNAL_REF, required=True, shortest=SHORTEST)
            found["internal_secret"] = self._finder.find(internal) or b""
        if Need.ROUTES in need:
            found["routes"] = self._routes()
        return Secrets(**found)

    def database_url(self, *, required: bool) -> str | None:
        """The database's URL; looked up always."""
        loc: Loc = ("spec", "database", "urlSecretRef")
        ref = self._view.spec.database.url_secret_ref
        return self._finder.find_database_url(self._sought(loc, "DATABASE_URL", ref, required=required))

    def _app_secret(self) -> Sought:
        ref = self._view.spec.whatsapp.app_secret_ref
        return self._named("appSecretRef", "WA_APP_SECRET", ref, shortest=SHORTEST)

    def _whatsapp(self) -> dict[str, Any]:
        find, text, refs = self._finder.find, self._finder.find_text, self._view.spec.whatsapp
        previous = self._named(
            "previousAppSecretRef", "WA_APP_SECRET_PREVIOUS", refs.previous_app_secret_ref, shortest=SHORTEST
        )
        verify = self._named("verifyTokenRef", "WA_VERIFY_TOKEN", refs.verify_token_ref)
        access = self._named("accessTokenRef", "WA_ACCESS_TOKEN", refs.access_token_ref, in_header=True)
        return {
            "previous_app_secret": find(previous),
            "verify_token": text(verify) or "",
            "access_token": text(access),
        }

    def _named(self, field: str, variable: str, ref: SecretRef | None, **more: Any) -> Sought:
        """A secret of WhatsApp's: it has to be there where the config names it."""
        return self._sought(("spec", "whatsapp", field), variable, ref, required=ref is not None, **more)

    def _routes(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for index, route in enumerate(self._view.spec.routes):
            if (ref := route.secret_ref) is not None:
                loc: Loc = ("spec", "routes", index, "secretRef")
                in_header = ref.use is SecretUse.BEARER
                sought = self._sought(loc, route_variable(ref), ref, required=True, in_header=in_header)
                if secret := self._finder.find(sought):
                    found[route.name] = secret
        return found

    def _sought(
        self,
        loc: Loc,
        variable: str,
        ref: SecretRef | None,
        *,
        required: bool = False,
        shortest: int = 1,
        in_header: bool = False,
    ) -> Sought:
        """What to look for. What is named has to be there; a reference that is a problem already is passed over."""
        hurt = self._view.hurt(*loc)
        original = self._view.pruned.original(loc)
        return Sought(
            path_of(original),
            variable,
            None if hurt else ref,
            required=required and not hurt,
            where=self._document.where(original),
            shortest=shortest,
            in_header=in_header,
        )


def route_variable(ref: SecretRef) -> str:
    """The environment variable that may hold a route's own secret."""
    return OTHER.sub("_", f"WEBHOOKCORE_SECRET_{ref.name}_{ref.key}".upper())
