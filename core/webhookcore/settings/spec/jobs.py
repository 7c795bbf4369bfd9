"""Sections for the two jobs: dlq-processor and session-cleanup, and the sessions that the latter cleans."""

from typing import Annotated

from pydantic import Field

from webhookcore.settings.spec.base import Flag, Integer, Section, Shape

Schedule = Annotated[str, Field(min_length=9, max_length=100), Shape("five cron fields, such as */5 * * * *")]
TimeZone = Annotated[str, Field(min_length=1, max_length=64), Shape("an IANA time zone, such as Europe/Paris")]


BackoffMinutes = Annotated[tuple[Annotated[Integer, Field(ge=1, le=1440)], ...], Field(min_length=1, max_length=20)]


class Dlq(Section):
    """The dead letter queue and the job that works it off."""

    schedule: Schedule = Field(default="*/5 * * * *", description="When dlq-processor runs.")
    time_zone: TimeZone = Field(default="Etc/UTC", description="The schedule's time zone.")
    suspend: Flag = Field(default=False, description="Start no run of dlq-processor.")
    batch_size: Integer = Field(
        default=50, ge=1, le=1000, description="Dead letters claimed at a time; no more than twice `concurrency`."
    )
    concurrency: Integer = Field(default=50, ge=1, le=500, description="Redeliveries at a time.")
    max_retries: Integer = Field(
        default=3, ge=1, le=20, description="Failed retries after which a dead letter is abandoned."
    )
    backoff_minutes: BackoffMinutes = Field(
        default=(2, 4, 8),
        description="Minutes before the first, second, ... retry; the last value repeats.",
    )
    max_run_seconds: Integer = Field(
        default=240, ge=1, le=3600, description="Seconds after which a run claims nothing more."
    )
    alert_threshold: Integer = Field(
        default=100, ge=1, le=1_000_000, description="Undelivered dead letters above which the alert fires."
    )
    successful_jobs_history_limit: Integer = Field(
        default=3, ge=0, le=100, description="Finished Jobs that are kept for looking at."
    )
    failed_jobs_history_limit: Integer = Field(
        default=3, ge=1, le=100, description="Failed Jobs that are kept: to be looked at, and for the status."
    )


class Sessions(Section):
    """Which service a sender is talking to."""

    ttl_hours: Integer = Field(default=24, ge=1, le=8760, description="Hours without a message that end a session.")


class Cleanup(Section):
    """The job session-cleanup, and how long finished things are kept."""

    schedule: Schedule = Field(default="0 2 * * *", description="When session-cleanup runs.")
    time_zone: TimeZone = Field(default="Etc/UTC", description="The schedule's time zone.")
    suspend: Flag = Field(default=False, description="Start no run of session-cleanup.")
    dlq_retention_days: Integer = Field(
        default=7, ge=1, le=3650, description="Days that delivered dead letters are kept."
    )
    abandoned_retention_days: Integer = Field(
        default=30, ge=1, le=3650, description="Days that abandoned dead letters are kept."
    )
