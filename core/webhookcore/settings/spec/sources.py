"""Sections for what stands outside: the database and WhatsApp."""

from enum import StrEnum

from pydantic import Field

from webhookcore.settings.spec.base import Integer, SecretRef, Section, Url


class Migrations(StrEnum):
    """Who migrates the database."""

    AUTO = "Auto"
    MANUAL = "Manual"


class Database(Section):
    """The Postgres that keeps everything."""

    url_secret_ref: SecretRef | None = Field(
        default=None, description="The Secret with the database's URL; DATABASE_URL overrides it."
    )
    pool_size: Integer = Field(default=8, ge=2, le=128, description="Connections that one router holds at most.")
    migrations: Migrations = Field(
        default=Migrations.AUTO,
        description="Auto: a Job migrates before anything rolls. Manual: no gate; readiness checks the schema.",
    )


class WhatsApp(Section):
    """Meta's side: the secrets that it knows, and its Graph API."""

    app_secret_ref: SecretRef = Field(description="The app secret, which signs every notification.")
    previous_app_secret_ref: SecretRef | None = Field(
        default=None, description="The app secret before, accepted too while a secret is rotated."
    )
    verify_token_ref: SecretRef = Field(description="The token of Meta's handshake.")
    access_token_ref: SecretRef | None = Field(
        default=None, description="The access token that sends the home menu; this or home.route is required."
    )
    graph_api_url: Url = Field(
        default="https://graph.facebook.com/v23.0", description="The Graph API, with its version."
    )
