"""WebhookCoreConfig files for tests, and the secrets that go with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

APP_SECRET: Final = "test-app-secret-0123456789"
VERIFY_TOKEN: Final = "test-verify-token"
ACCESS_TOKEN: Final = "test-access-token"
INTERNAL_SECRET: Final = "test-internal-secret-0123456789abcdef"

SECRETS: Final[Mapping[str, str]] = {
    "WA_APP_SECRET": APP_SECRET,
    "WA_VERIFY_TOKEN": VERIFY_TOKEN,
    "WA_ACCESS_TOKEN": ACCESS_TOKEN,
    "WEBHOOKCORE_INTERNAL_SECRET": INTERNAL_SECRET,
}


def environment(database_url: str, **more: str) -> dict[str, str]:
    """What a process run by hand gets: secrets and DATABASE_URL, nothing of the caller's."""
    return {**SECRETS, "DATABASE_URL": database_url, **more}


def route(name: str, url: str, **fields: Any) -> dict[str, Any]:
    """A route; fields in camelCase, as in the file."""
    return {"name": name, "url": url, **fields}


def config(*routes: Mapping[str, Any], graph_api_url: str | None = None, **spec: Any) -> dict[str, Any]:
    """A WebhookCoreConfig of these routes; `spec` adds or replaces top-level fields of the spec."""
    whatsapp = {
        "appSecretRef": {"name": "whatsapp", "key": "app-secret"},
        "verifyTokenRef": {"name": "whatsapp", "key": "verify-token"},
        "accessTokenRef": {"name": "whatsapp", "key": "access-token"},
        **({"graphApiUrl": graph_api_url} if graph_api_url else {}),
    }
    return {
        "apiVersion": "webhookcore.io/v1alpha1",
        "kind": "WebhookCoreConfig",
        "metadata": {"name": "test"},
        "spec": {"whatsapp": whatsapp, "routes": [dict(item) for item in routes], **spec},
    }


def write_config(folder: Path, *routes: Mapping[str, Any], name: str = "webhookcoreconfig.yaml", **spec: Any) -> Path:
    """The same as a file (JSON is YAML)."""
    path = folder / name
    path.write_text(json.dumps(config(*routes, **spec), indent=2))
    return path
