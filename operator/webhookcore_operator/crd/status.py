"""The schema of the status, which the operator writes and everybody reads."""

from typing import Final

from webhookcore_operator.crd.structural import Schema

LABEL: Final = 63
TEXT: Final = 1024
COUNT: Final[Schema] = {"type": "integer", "format": "int32", "minimum": 0}
GENERATION: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 0}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}


def _text(description: str, longest: int) -> Schema:
    return {"description": description, "type": "string", "maxLength": longest}


def _time(description: str) -> Schema:
    return {"description": description, **TIME}


def _count(description: str) -> Schema:
    return {"description": description, **COUNT}


def _list_map(description: str, key: str, required: list[str], properties: Schema, longest: int) -> Schema:
    """A list in which each key stands once."""
    return {
        "description": description,
        "type": "array",
        "maxItems": longest,
        "x-kubernetes-list-map-keys": [key],
        "x-kubernetes-list-type": "map",
        "items": {"type": "object", "required": required, "properties": properties},
    }


CONDITION: Final[Schema] = {
    "type": {
        **_text("What the condition is about.", 316),
        "minLength": 1,
        "pattern": "^[A-Za-z]([A-Za-z0-9]*)$",
    },
    "status": {
        "description": "Whether it is so.",
        "type": "string",
        "enum": ["True", "False", "Unknown"],
    },
    "observedGeneration": {"description": "The generation of the spec that it speaks of.", **GENERATION},
    "lastTransitionTime": _time("When the status last changed."),
    "reason": {
        **_text("Why, in one word for machines.", TEXT),
        "minLength": 1,
        "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    },
    "message": _text("Why, and what to do, for people.", 32768),
}

SCHEDULED_TASK: Final[Schema] = {
    "name": {**_text("The CronJob: dlq-processor or session-cleanup.", LABEL), "minLength": 1},
    "lastScheduleTime": _time("When a run last started by schedule."),
    "lastSuccessfulTime": _time("When a run last succeeded."),
    "consecutiveFailures": _count("The failed Jobs that are still there and newer than the last success."),
}

MIGRATION: Final[Schema] = {
    "hash": _text("The image and database that were last migrated with success.", LABEL),
    "failedHash": _text("The image and database whose migration failed, while it has not succeeded.", LABEL),
    "failures": _count("How often that has failed."),
    "lastFailureTime": _time("When an attempt last failed."),
}

STATUS: Final[Schema] = {
    "description": "How it stands; written by the operator.",
    "type": "object",
    "properties": {
        "observedGeneration": {"description": "The generation of the spec that was last looked at.", **GENERATION},
        "conditions": _list_map(
            "What is so and what is not: Ready sums the others up.",
            "type",
            ["type", "status", "lastTransitionTime", "reason", "message"],
            CONDITION,
            16,
        ),
        "replicas": _count("The routers that there are."),
        "readyReplicas": _count("The routers that take notifications."),
        "selector": _text("The label selector of the routers' pods.", TEXT),
        "endpoint": _text("Where the routers are reached inside the cluster.", TEXT),
        "image": _text("The image that router and jobs use.", TEXT),
        "scheduledTasks": _list_map("The CronJobs and how they go.", "name", ["name"], SCHEDULED_TASK, 8),
        "migration": {
            "description": "What the operator remembers of the database's migration.",
            "type": "object",
            "properties": MIGRATION,
        },
    },
}
