"""The whole document: a WebhookCoreConfig as Kubernetes writes it, around the spec."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from webhookcore.settings.spec import WebhookCoreSpec
from webhookcore.settings.spec.base import Section, Shape


class Metadata(Section):
    """What names the resource. What else Kubernetes keeps there is not looked at."""

    model_config = ConfigDict(extra="ignore")

    # The longest child is <name>-migrate-<hash>, and a Service's name starts with a letter.
    name: Annotated[
        str,
        Field(min_length=1, max_length=40, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$"),
        Shape("a lower-case letter, then lower-case letters, digits and inner hyphens"),
    ] = Field(description="The name of the whole; in a cluster all that is made carries it.")


class WebhookCoreConfig(Section):
    """One WebhookCoreConfig. `status` is the operator's and not read here."""

    api_version: Literal["webhookcore.io/v1alpha1"] = Field(description="The version of this format.")
    kind: Literal["WebhookCoreConfig"] = Field(description="What this document is.")
    metadata: Metadata = Field(description="The resource's name.")
    spec: WebhookCoreSpec = Field(description="What is wanted.")
    status: Any = Field(default=None, description="Written by the operator; not read.")
