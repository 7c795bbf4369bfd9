"""Of several resources in one namespace only one can have the CronJobs' names: the oldest. Pure."""

from collections.abc import Iterable

from webhookcore_operator.conditions import NAME_CONFLICT, Type
from webhookcore_operator.render.inputs import Manifest


def holder(resources: Iterable[Manifest]) -> Manifest | None:
    """Who has the names. One that is being deleted has given them up.

    Ages are told in seconds: of two made in the same one, whoever was reconciled first keeps them, and else the UID
    decides.
    """
    standing = [each for each in resources if not each["metadata"].get("deletionTimestamp")]
    return min(standing, key=_turn, default=None)


def _turn(resource: Manifest) -> tuple[str, bool, str]:
    metadata = resource["metadata"]
    return metadata["creationTimestamp"], not _was_holder(resource), metadata["uid"]


def _was_holder(resource: Manifest) -> bool:
    """Whether its status says so: it has a CronJob, or was told of something else than that it may have none."""
    status = resource.get("status") or {}
    told = (each["reason"] for each in status.get("conditions") or () if each["type"] == Type.SPEC_APPLIED)
    return bool(status.get("scheduledTasks")) or any(reason != NAME_CONFLICT for reason in told)
