"""The system of the documentation's examples: examples/webhookcoreconfig.yaml over services of the test's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.pages import ROOT
from tests.support.postgres import Databases
from tests.support.scene import Fields, Scene, scene

APP_SECRET: Final = "an-app-secret"
INTERNAL_SECRET: Final = "an-internal-secret"
SECRETS: Final[Mapping[str, str]] = {
    "WA_APP_SECRET": APP_SECRET,
    "WA_VERIFY_TOKEN": "a-verify-token",
    "WA_ACCESS_TOKEN": "an-access-token",
    "WEBHOOKCORE_INTERNAL_SECRET": INTERNAL_SECRET,
    "WEBHOOKCORE_SECRET_WA_WEBHOOK_MOBILITY_WEBHOOK_SECRET": "the-secret-of-mobility",
    "WEBHOOKCORE_SECRET_WA_WEBHOOK_INSURANCE_WEBHOOK_SECRET": "the-secret-of-insurance",
    "WEBHOOKCORE_SECRET_WA_WEBHOOK_JOBS_WEBHOOK_SECRET": "the-secret-of-jobs",
}


@asynccontextmanager
async def example(
    databases: Databases,
    folder: Path,
    *,
    changes: Mapping[str, Fields] | None = None,
    env: Mapping[str, str] | None = None,
    **spec: Any,
) -> AsyncIterator[Scene]:
    """One router. `changes` are to routes, by their names; `spec` replaces top-level fields of the spec."""
    document = yaml.safe_load((ROOT / "examples/webhookcoreconfig.yaml").read_text(encoding="utf-8"))
    given: dict[str, Any] = document["spec"]
    routes = {
        route["name"]: {**{name: value for name, value in route.items() if name not in {"name", "url"}}, **more}
        for route in given.pop("routes")
        for more in [(changes or {}).get(route["name"], {})]
    }
    del given["whatsapp"], given["database"]
    async with scene(databases, folder, routes, env={**SECRETS, **(env or {})}, **{**given, **spec}) as it:
        yield it
