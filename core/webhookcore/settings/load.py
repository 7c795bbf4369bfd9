"""Loads the settings of a part: the config file, the environment's overrides and the secrets, all checked together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from webhookcore.settings.problems import Problem, SettingsError
from webhookcore.settings.secrets import Secrets
from webhookcore.settings.spec import SecretRef, WebhookCoreSpec


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a part of Webhook Core is told."""

    spec: WebhookCoreSpec
    secrets: Secrets
    database_url: str | None
    router_internal_url: str


def parse_config(text: str, source: str) -> WebhookCoreSpec:
    """Reads one WebhookCoreConfig. Raises SettingsError with all that is wrong."""
    del source
    return WebhookCoreSpec.model_validate(yaml.safe_load(text)["spec"])


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Loads the settings from a file (WEBHOOKCORE_CONFIG when None) and the environment."""
    name = str(path or environ.get("WEBHOOKCORE_CONFIG", ""))
    if not name:
        raise SettingsError((Problem("$WEBHOOKCORE_CONFIG", "nothing", "must name a file with a WebhookCoreConfig"),))
    path = Path(name)
    spec = parse_config(path.read_text(encoding="utf-8"), str(path))
    directory = Path(environ.get("WEBHOOKCORE_SECRETS_DIR") or path.parent / "secrets")

    def secret(variable: str, ref: SecretRef | None) -> str | None:
        if variable in environ:
            return environ[variable]
        file = directory / ref.name / ref.key if ref else None
        return file.read_text(encoding="utf-8").rstrip("\n") if file and file.exists() else None

    whatsapp = spec.whatsapp
    internal = SecretRef(name="internal", key="secret")
    previous = secret("WA_APP_SECRET_PREVIOUS", whatsapp.previous_app_secret_ref)
    routes = {}
    for route in spec.routes:
        ref = route.secret_ref
        variable = re.sub("[^A-Z0-9]", "_", f"WEBHOOKCORE_SECRET_{ref.name}_{ref.key}".upper()) if ref else ""
        value = secret(variable, ref)
        if value:
            routes[route.name] = value.encode()
    return Settings(
        spec=spec,
        secrets=Secrets(
            app_secret=(secret("WA_APP_SECRET", whatsapp.app_secret_ref) or "").encode(),
            previous_app_secret=previous.encode() if previous else None,
            verify_token=secret("WA_VERIFY_TOKEN", whatsapp.verify_token_ref) or "",
            access_token=secret("WA_ACCESS_TOKEN", whatsapp.access_token_ref),
            internal_secret=(secret("WEBHOOKCORE_INTERNAL_SECRET", internal) or "").encode(),
            routes=routes,
        ),
        database_url=secret("DATABASE_URL", spec.database.url_secret_ref),
        router_internal_url=environ.get("WEBHOOKCORE_ROUTER_INTERNAL_URL", "http://127.0.0.1:9090"),
    )
