"""The spec of a WebhookCoreConfig as types: the one source of every field, default and bound."""

from typing import Annotated

from pydantic import Field

from webhookcore.settings.spec.base import Flag, Label, ListType, SecretRef, Section
from webhookcore.settings.spec.cluster import Autoscaling, Image, Monitoring, NetworkPolicy, PullPolicy
from webhookcore.settings.spec.home import Home, Others, Statuses
from webhookcore.settings.spec.jobs import Cleanup, Dlq, Sessions
from webhookcore.settings.spec.router import OnExceed, RateLimit, Router, Slo
from webhookcore.settings.spec.routes import Media, Menu, Retry, Route, RouteSecretRef, SecretUse, Service
from webhookcore.settings.spec.sources import Database, Migrations, WhatsApp

HOME_FALLBACK = "home"
"""The value of `fallback` that means the home menu; no route may have this name."""


class WebhookCoreSpec(Section):
    """The spec of a WebhookCoreConfig."""

    suspend: Flag = Field(default=False, description="Freeze reconciliation: everything keeps running as it is.")
    image: Image = Field(default=Image(), description="The image of router and jobs.")
    database: Database = Field(default=Database(), description="The Postgres that keeps everything.")
    whatsapp: WhatsApp = Field(description="Meta's side: secrets and the Graph API.")
    router: Router = Field(default=Router(), description="The router.")
    routes: Annotated[tuple[Route, ...], Field(max_length=16), ListType("map")] = Field(
        default=(), description="The company's services."
    )
    home: Home = Field(default=Home(), description="The home menu.")
    fallback: Label = Field(
        default=HOME_FALLBACK, description="Where a message goes that nothing else decided: `home` or a route's name."
    )
    statuses: Statuses = Field(default=Statuses(), description="Delivery statuses.")
    others: Others = Field(default=Others(), description="Changes that are neither messages nor statuses.")
    dlq: Dlq = Field(default=Dlq(), description="The dead letter queue and its job.")
    sessions: Sessions = Field(default=Sessions(), description="Senders' sessions.")
    cleanup: Cleanup = Field(default=Cleanup(), description="The clean-up job.")
    monitoring: Monitoring = Field(default=Monitoring(), description="Resources of the Prometheus operator.")
    network_policy: NetworkPolicy = Field(default=NetworkPolicy(), description="Who may speak to the routers.")


__all__ = [
    "HOME_FALLBACK",
    "Autoscaling",
    "Cleanup",
    "Database",
    "Dlq",
    "Home",
    "Image",
    "Media",
    "Menu",
    "Migrations",
    "Monitoring",
    "NetworkPolicy",
    "OnExceed",
    "Others",
    "PullPolicy",
    "RateLimit",
    "Retry",
    "Route",
    "RouteSecretRef",
    "Router",
    "SecretRef",
    "SecretUse",
    "Service",
    "Sessions",
    "Slo",
    "Statuses",
    "WebhookCoreSpec",
    "WhatsApp",
]
