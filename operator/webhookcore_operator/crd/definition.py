"""The whole CustomResourceDefinition: names, schemas, rules, columns."""

from collections.abc import Sequence
from typing import Any, Final

import yaml

from webhookcore.settings import WebhookCoreSpec
from webhookcore.settings.envelope import WebhookCoreConfig
from webhookcore.settings.fields import ITEM, FieldDoc, describe_fields
from webhookcore_operator.conditions import Type
from webhookcore_operator.crd.rules import VALIDATIONS as RULES
from webhookcore_operator.crd.status import STATUS
from webhookcore_operator.crd.structural import VALIDATIONS, Schema, structural
from webhookcore_operator.render import names

HEADER: Final = "# Made from core's settings by `make crd`, which writes over what is changed here.\n"
WIDTH: Final = 120
NO_DEFAULT: Final = ("required", "none", "{}", "[]", '""')
"""Defaults that say nothing."""


def _condition(kind: Type, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


# Name, JSON path, type, meaning. What follows WIDE is shown by `kubectl get -o wide` only.
COLUMNS: Final = (
    ("Ready", _condition(Type.READY, "status"), "string", "Whether it works as it is wanted."),
    ("Desired", ".spec.router.replicas", "integer", "The routers that are wanted; an autoscaler may want others."),
    ("ReadyReplicas", ".status.readyReplicas", "integer", "The routers that take notifications."),
    (
        "Migrated",
        _condition(Type.DATABASE_MIGRATED, "status"),
        "string",
        "Whether the database fits the image.",
    ),
    (
        "DLQ-Last-Success",
        f'.status.scheduledTasks[?(@.name=="{names.Part.DLQ_PROCESSOR}")].lastSuccessfulTime',
        "date",
        "How long ago dlq-processor last succeeded.",
    ),
    ("Age", ".metadata.creationTimestamp", "date", "How long ago it was made."),
)
WIDE: Final = (
    ("Reason", _condition(Type.READY, "reason"), "string", "Why it is ready or not, in a word."),
    ("Message", _condition(Type.READY, "message"), "string", "Why it is ready or not, and what to do."),
    ("Image", ".status.image", "string", "The image that router and jobs use."),
    ("Endpoint", ".status.endpoint", "string", "Where the routers are reached inside the cluster."),
)


def _column(name: str, path: str, kind: str, description: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition as plain data."""
    columns = [_column(*column) for column in COLUMNS] + [{**_column(*column), "priority": 1} for column in WIDE]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": [names.SHORT_NAME],
                "categories": [names.CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": columns,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.router.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": schema()},
                }
            ],
        },
    }


def schema() -> Schema:
    """The schema of the whole resource, with its rules."""
    fields = {name: {"description": info.description} for name, info in WebhookCoreConfig.model_fields.items()}
    whole: Schema = {
        "description": "Webhook Core as it is wanted in a namespace, and how it stands.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {**fields["api_version"], "type": "string"},
            "kind": {**fields["kind"], "type": "string"},
            # Said so that a rule may point at it.
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": structural(WebhookCoreSpec.model_json_schema()) | fields["spec"],
            "status": STATUS,
        },
    }
    for doc in describe_fields():
        if doc.path.startswith("spec."):
            place(whole, doc.path.replace(ITEM, f".{ITEM}").split("."))["description"] = _explained(doc)
    for rule in RULES:
        place(whole, rule.at).setdefault(VALIDATIONS, []).append(rule.as_schema())
    return whole


def _explained(doc: FieldDoc) -> str:
    """What a field is for, and what `kubectl explain` does not show otherwise: its bounds and its default."""
    said = [doc.description]
    if doc.bounds and not doc.bounds.startswith("`"):  # choices are shown
        said.append(f"Allowed: {doc.bounds}.")
    if doc.default not in NO_DEFAULT:
        said.append(f"Default: {doc.default}.")
    return " ".join(said)


def place(whole: Schema, path: Sequence[str]) -> Schema:
    """The schema of a place; `[]` is any item of a list."""
    for part in path:
        whole = whole["items"] if part == ITEM else whole["properties"][part]
    return whole


def text() -> str:
    """The CustomResourceDefinition as YAML."""
    return HEADER + yaml.dump(definition(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


class Dumper(yaml.SafeDumper):
    """Writes everything out: what stands in two places is written twice, not as an anchor and an alias."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
