"""The section `router`: how the router listens, how fast it must be, and where its pods run."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from webhookcore.settings.spec.base import Integer, Section, Shape
from webhookcore.settings.spec.cluster import Autoscaling
from webhookcore.settings.spec.passthrough import Annotations, AnyList, AnyMapping, NodeSelector


class OnExceed(StrEnum):
    """What happens to a sender's messages above the limit."""

    DELAY = "Delay"
    REJECT = "Reject"
    DROP = "Drop"


class Slo(Section):
    """Service level objectives: measured, shown as metrics, and an event when missed."""

    cold_start_ms: Integer = Field(
        default=1750, ge=1, le=600_000, description="Milliseconds from a router's start until it is ready."
    )
    p95_ms: Integer = Field(
        default=1200, ge=1, le=600_000, description="Milliseconds within which 95 % of the notifications are answered."
    )


class RateLimit(Section):
    """How much one sender may send, counted across replicas."""

    messages_per_minute: Integer = Field(
        default=30, ge=1, le=60_000, description="Messages a minute per sender; repeats and statuses never count."
    )
    on_exceed: OnExceed = Field(
        default=OnExceed.DELAY,
        description="Delay: kept and released at that rate. Reject: 429 with Retry-After. Drop: 200 and forgotten.",
    )


class Router(Section):
    """The router Deployment."""

    replicas: Integer = Field(default=2, ge=1, le=64, description="How many routers run.")
    autoscaling: Autoscaling | None = Field(
        default=None, description="Lets an autoscaler choose the number of routers instead of `replicas`."
    )
    path: Annotated[
        str,
        Field(min_length=2, max_length=128, pattern=r"^(/[_~a-zA-Z0-9-][._~a-zA-Z0-9-]*)+$"),
        Shape("an absolute path of letters, digits and -._~, without a slash at its end"),
    ] = Field(default="/wa-webhook-core", description="Where Meta's notifications arrive.")
    timeout_ms: Integer = Field(
        default=4000, ge=100, le=30_000, description="Milliseconds for one delivery, its retries included."
    )
    slo: Slo = Field(default=Slo(), description="Service level objectives.")
    rate_limit: RateLimit = Field(default=RateLimit(), description="How much one sender may send.")
    resources: AnyMapping = Field(default={}, description="The router container's resources, as Kubernetes takes them.")
    node_selector: NodeSelector = Field(default={}, description="The nodeSelector of routers, jobs and migrations.")
    tolerations: AnyList = Field(
        default=(), description="The tolerations of routers, jobs and migrations, as Kubernetes takes them."
    )
    affinity: AnyMapping = Field(default={}, description="The router pods' affinity, as Kubernetes takes it.")
    topology_spread_constraints: AnyList = Field(
        default=(), description="The router pods' topologySpreadConstraints, as Kubernetes takes them."
    )
    pod_annotations: Annotations = Field(default={}, description="Annotations for the router's pods.")
