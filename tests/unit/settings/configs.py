"""Configs for the tests of the settings: a whole, valid document and ways to change it."""

import copy
from collections.abc import Mapping
from typing import Any, Final

import yaml

from webhookcore.settings import Problem, SettingsError, WebhookCoreSpec, parse_config

VALID: Final[Mapping[str, Any]] = {
    "apiVersion": "webhookcore.io/v1alpha1",
    "kind": "WebhookCoreConfig",
    "metadata": {"name": "core"},
    "spec": {
        "whatsapp": {
            "appSecretRef": {"name": "whatsapp", "key": "app-secret"},
            "verifyTokenRef": {"name": "whatsapp", "key": "verify-token"},
            "accessTokenRef": {"name": "whatsapp", "key": "access-token"},
        },
        "routes": [
            {
                "name": "rides",
                "url": "http://rides.example.svc/webhook",
                "menu": {"key": "1", "title": "Rides"},
                "keywords": ["ride", "taxi"],
                "statePrefixes": ["trip_"],
                "accepts": ["audio"],
            },
            {
                "name": "jobs",
                "service": {"name": "jobs", "namespace": "work", "port": 8080, "path": "/webhook"},
                "menu": {"key": "2", "title": "Jobs"},
                "keywords": ["job", "work"],
                "statePrefixes": ["job_"],
                "accepts": ["voice"],
            },
        ],
    },
}

REMOVED: Final = object()
"""For `changed`: takes a field out."""


def changed(changes: Mapping[str, Any], document: Mapping[str, Any] = VALID) -> dict[str, Any]:
    """A document with some places set anew: `{"spec.routes.0.name": "x"}`."""
    result: dict[str, Any] = copy.deepcopy(dict(document))
    for path, value in changes.items():
        *around, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = result
        for part in around:
            place = place[part] if isinstance(part, int) else place.setdefault(part, {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return result


def text_of(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def spec_of(changes: Mapping[str, Any]) -> WebhookCoreSpec:
    return parse_config(text_of(changed(changes)), "config.yaml")


def problems_of_text(text: str) -> list[Problem]:
    """All that is wrong with a text; none where it is accepted."""
    try:
        parse_config(text, "config.yaml")
    except SettingsError as error:
        return list(error.problems)
    return []


def problems_of(changes: Mapping[str, Any]) -> list[Problem]:
    return problems_of_text(text_of(changed(changes)))


def paths_of(changes: Mapping[str, Any]) -> list[str]:
    """The fields that are refused."""
    return [problem.path for problem in problems_of(changes)]
