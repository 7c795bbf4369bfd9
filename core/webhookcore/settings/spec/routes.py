"""The section `routes`: the company's services, what belongs to each, and how it is delivered there."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from webhookcore.settings.spec.base import (
    Flag,
    Integer,
    Label,
    LabelOrEmpty,
    ListType,
    SecretRef,
    Section,
    Shape,
    Url,
    Word,
    Words,
    distinct,
)


class Media(StrEnum):
    """A kind of message that a route can take by what it is, whatever it says."""

    AUDIO = "audio"
    VOICE = "voice"


MediaKinds = Annotated[tuple[Media, ...], Field(max_length=2), ListType("set")]
StatusCodes = Annotated[
    tuple[Annotated[Integer, Field(ge=300, le=599)], ...],
    Field(max_length=64),
    ListType("set"),
    AfterValidator(distinct),
]
Title = Annotated[str, Field(min_length=1, max_length=24, pattern=r"\S"), Shape("not blank")]


class SecretUse(StrEnum):
    """How a service's secret proves that a delivery is Webhook Core's."""

    SIGNATURE = "Signature"
    BEARER = "Bearer"


class RouteSecretRef(SecretRef):
    """A service's own secret, and what is done with it."""

    use: SecretUse = Field(
        default=SecretUse.SIGNATURE,
        description="Signature: signs each delivery (X-Hub-Signature-256). Bearer: sent in the header Authorization.",
    )


class Service(Section):
    """A Kubernetes Service as a route's target."""

    name: Label = Field(description="The Service's name.")
    namespace: LabelOrEmpty = Field(
        default="", description="The Service's namespace; empty: the one that the router runs in."
    )
    port: Integer = Field(default=80, ge=1, le=65_535, description="The Service's port.")
    path: Annotated[
        str,
        Field(min_length=1, max_length=1024, pattern=r"^/[^\s?#]*$"),
        Shape("an absolute path"),
    ] = Field(default="/", description="The path that notifications are posted to.")


class Menu(Section):
    """A route's entry in the home menu; the bounds are WhatsApp's."""

    key: Word = Field(description='What a user types to choose it, such as "1" (quoted: it is text).')
    title: Title = Field(description="The entry's title.")
    description: Annotated[str, Field(max_length=72)] = Field(default="", description="A line below the title.")


class Retry(Section):
    """What is tried again, and what never is."""

    in_request: Integer = Field(
        default=2, ge=0, le=10, description="Further tries within one delivery while its deadline allows."
    )
    never: StatusCodes = Field(
        default=(400, 413, 422),
        description="Status codes after which a dead letter is abandoned at once.",
    )


class Route(Section):
    """One of the company's services."""

    name: Label = Field(description="The service's name; unique, and neither `home` nor `wa-webhook-core`.")
    url: Url | None = Field(default=None, description="Where its notifications are posted; this or `service`.")
    service: Service | None = Field(
        default=None, description="The Kubernetes Service that its notifications are posted to; this or `url`."
    )
    menu: Menu | None = Field(default=None, description="Its entry in the home menu; none: not in the menu.")
    keywords: Words = Field(default=(), description="Words or phrases that lead to it, as the whole text or inside it.")
    state_prefixes: Words = Field(
        default=(), description="Beginnings of the reply ids that belong to it, such as `trip_`."
    )
    accepts: MediaKinds = Field(
        default=(), description="Kinds of messages that go to it whatever they say; one route a kind."
    )
    priority: Integer = Field(
        default=0, ge=-1000, le=1000, description="The higher one wins where as many keywords match."
    )
    secret_ref: RouteSecretRef | None = Field(default=None, description="The service's own secret; none: unsigned.")
    concurrency: Integer = Field(default=64, ge=1, le=1024, description="Deliveries to it at a time, per replica.")
    retry: Retry = Field(default=Retry(), description="What is tried again, and what never is.")
    max_age_minutes: Integer = Field(
        default=60, ge=1, le=10_080, description="Events that wait for an open breaker longer become dead letters."
    )
    paused: Flag = Field(default=False, description="Deliver nothing to it; what is accepted meanwhile waits.")

    @property
    def target_url(self) -> str:
        """Where deliveries are posted: `url`, or the Service's address inside the cluster."""
        if self.service is None:
            return self.url or ""
        host = f"{self.service.name}.{self.service.namespace}.svc" if self.service.namespace else self.service.name
        return f"http://{host}:{self.service.port}{self.service.path}"
