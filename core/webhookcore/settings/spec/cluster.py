"""Sections that only a cluster reads: image, autoscaling, monitoring, network policy."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from webhookcore.settings.spec.base import Flag, Integer, ListType, Section, Shape, Subdomain, distinct


class PullPolicy(StrEnum):
    """When a node pulls the image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


SecretNames = Annotated[tuple[Subdomain, ...], Field(max_length=8), ListType("set"), AfterValidator(distinct)]


class Image(Section):
    """The image of router and jobs."""

    repository: Annotated[
        str,
        Field(max_length=255, pattern=r"^([a-z0-9][-._a-z0-9]*(:[0-9]{1,5})?(/[a-z0-9][-._a-z0-9]*)*)?$"),
        Shape("registry and path without a tag, or empty"),
    ] = Field(default="", description="The image's repository; empty: the operator's own image.")
    tag: Annotated[
        str,
        Field(max_length=128, pattern=r"^([_a-zA-Z0-9][-._a-zA-Z0-9]*)?$"),
        Shape("a tag, or empty"),
    ] = Field(default="", description="The image's tag; empty: the operator's own.")
    pull_policy: PullPolicy = Field(default=PullPolicy.IF_NOT_PRESENT, description="When a node pulls the image.")
    pull_secrets: SecretNames = Field(default=(), description="Names of the Secrets that open the image's registry.")


class Autoscaling(Section):
    """The router's HorizontalPodAutoscaler."""

    min_replicas: Integer = Field(default=2, ge=1, le=64, description="Never fewer routers than this.")
    max_replicas: Integer = Field(ge=1, le=64, description="Never more routers than this; at least minReplicas.")
    target_cpu_utilization_percentage: Integer = Field(
        default=70,
        ge=1,
        le=1000,
        alias="targetCPUUtilizationPercentage",
        description="The mean CPU use, in percent of what the pods request, that the autoscaler aims at.",
    )


class Monitoring(Section):
    """Resources of the Prometheus operator, made where its CRDs exist."""

    pod_monitor: Flag = Field(default=False, description="Make a PodMonitor for the routers.")
    prometheus_rule: Flag = Field(default=False, description="Make a PrometheusRule with the alerts.")


class NetworkPolicy(Section):
    """Who may speak to the routers."""

    enabled: Flag = Field(default=False, description="Make a NetworkPolicy: 9090 only from the jobs and monitoring.")
