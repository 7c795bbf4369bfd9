"""Writes a config that reads as the same spec: only what differs from the defaults, so that new defaults reach it."""

import yaml

from webhookcore.settings.envelope import Metadata, WebhookCoreConfig
from webhookcore.settings.spec import WebhookCoreSpec


def render_config(spec: WebhookCoreSpec, name: str) -> str:
    """A WebhookCoreConfig of this name as YAML."""
    config = WebhookCoreConfig(
        api_version="webhookcore.io/v1alpha1", kind="WebhookCoreConfig", metadata=Metadata(name=name), spec=spec
    )
    data = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
