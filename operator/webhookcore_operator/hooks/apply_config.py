"""Applies the WebhookCoreConfig that a ConfigMap of the chart holds.

A chart cannot hold a resource beside its own CRD: a fresh install refuses the whole. So the resource travels in a
ConfigMap. The resource is that ConfigMap's (an owner reference): when Helm deletes the one, Kubernetes deletes the
other, and no hook has to. Server-side apply by a manager of its own: what the values no longer say goes, what others
say in other fields stays.
"""

from typing import Any, Final

import yaml

from webhookcore_operator.api import Api
from webhookcore_operator.hooks.persistence import persist
from webhookcore_operator.hooks.trouble import HookError
from webhookcore_operator.kinds import CONFIG, CONFIG_MAP
from webhookcore_operator.render.inputs import Manifest

KEY: Final = "webhookcoreconfig.yaml"
MANAGER: Final = "webhookcore-chart"


async def apply_config(config_map: str, namespace: str, *, owned: bool, seconds: float) -> str:
    """The name of the resource that was applied, once its CRD is served. HookError where that does not come about."""
    api = await Api.connect()
    try:
        place = f"ConfigMap {namespace}/{config_map}"
        found = await persist(lambda: api.get(CONFIG_MAP, namespace, config_map), place, seconds)
        resource = wanted(found, owned=owned)
        name = str(resource["metadata"]["name"])
        await persist(
            lambda: api.apply(CONFIG, namespace, name, resource, manager=MANAGER),
            f"WebhookCoreConfig {namespace}/{name}",
            seconds,
        )
    finally:
        await api.close()
    return name


def wanted(config_map: Manifest, *, owned: bool) -> Manifest:
    """The resource that a ConfigMap holds; `owned`: it goes when the ConfigMap goes."""
    carrier: dict[str, Any] = config_map["metadata"]
    try:
        resource: Manifest = yaml.safe_load(config_map["data"][KEY])
        metadata = {**resource["metadata"], "name": resource["metadata"]["name"]}
    except (TypeError, LookupError, yaml.YAMLError) as error:
        raise HookError(f"ConfigMap {carrier['name']} holds no WebhookCoreConfig: {error!r}", final=True) from None
    if owned:
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": carrier["name"], "uid": carrier["uid"]}
        metadata["ownerReferences"] = [reference]
    return {**resource, "metadata": metadata}
