"""What the demo's company wrote down: its WebhookCoreConfig, with addresses put in, and secrets made for this run."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from webhookcore.settings import WebhookCoreSpec, parse_config
from webhookcore.settings.secrets import INTERNAL_REF
from webhookcore.settings.spec import SecretRef, SecretUse

CONFIG: Final = Path(__file__).with_name("webhookcoreconfig.yaml")
_OTHERS: Final = ("DATABASE_URL", "SESSION_TTL_HOURS")
_OTHERS_BEGIN: Final = ("WA_", "WEBHOOKCORE_", "PG")


@dataclass(frozen=True, slots=True)
class Company:
    """The config as it is committed, and its secrets."""

    spec: WebhookCoreSpec
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    internal_secret: str = field(repr=False)
    of_routes: Mapping[str, str] = field(repr=False)
    """The secret of each route that has one."""

    @classmethod
    def made(cls) -> "Company":
        """With new secrets."""
        spec = parse_config(CONFIG.read_text(encoding="utf-8"), str(CONFIG))
        of_routes = {route.name: secrets.token_urlsafe(32) for route in spec.routes if route.secret_ref is not None}
        app_secret, access_token, internal_secret = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(spec, app_secret, access_token, internal_secret, of_routes)

    @property
    def bearers(self) -> frozenset[str]:
        """Routes whose secret is a token, not a signature's key."""
        return frozenset(
            route.name for route in self.spec.routes if route.secret_ref and route.secret_ref.use is SecretUse.BEARER
        )

    def write(self, folder: Path, urls: Mapping[str, str], graph_api_url: str) -> Path:
        """The config and, beside it, its secrets as files; `urls` says where each route's service listens."""
        document = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        document["spec"]["whatsapp"]["graphApiUrl"] = graph_api_url
        for route in document["spec"]["routes"]:
            route["url"] = urls[route["name"]]
        path = folder / "webhookcoreconfig.json"
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")
        for ref, secret in self._secrets():
            file = folder / "secrets" / ref.name / ref.key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(secret, encoding="utf-8")
        return path

    def _secrets(self) -> list[tuple[SecretRef, str]]:
        whatsapp = self.spec.whatsapp
        refs: list[tuple[SecretRef | None, str]] = [
            (whatsapp.app_secret_ref, self.app_secret),
            (whatsapp.verify_token_ref, secrets.token_urlsafe(16)),
            (whatsapp.access_token_ref, self.access_token),
            (INTERNAL_REF, self.internal_secret),
            *((route.secret_ref, self.of_routes[route.name]) for route in self.spec.routes if route.secret_ref),
        ]
        return [(ref, secret) for ref, secret in refs if ref is not None]


def environment(environ: Mapping[str, str], database_url: str, router_internal_url: str) -> dict[str, str]:
    """What the parts get: nothing that another system's environment says."""
    kept = {name: text for name, text in environ.items() if name not in _OTHERS and not name.startswith(_OTHERS_BEGIN)}
    return kept | {"DATABASE_URL": database_url, "WEBHOOKCORE_ROUTER_INTERNAL_URL": router_internal_url}
