"""The CustomResourceDefinition of WebhookCoreConfig, made from core's settings: what they say of a field, it says.

`python -m webhookcore_operator.crd` writes it to crds/webhookcoreconfigs.yaml.
"""

from webhookcore_operator.crd.definition import definition, text

__all__ = ["definition", "text"]
