"""Of several resources in one namespace only one can have the CronJobs' names: the oldest. Pure."""

from collections.abc import Iterable

from webhookcore_operator.render.inputs import Manifest


def holder(resources: Iterable[Manifest]) -> Manifest | None:
    """Who has the names; ties are broken by UID. One that is being deleted has given them up."""
    standing = [each for each in resources if not each["metadata"].get("deletionTimestamp")]
    return min(standing, key=_age, default=None)


def _age(resource: Manifest) -> tuple[str, str]:
    return resource["metadata"]["creationTimestamp"], resource["metadata"]["uid"]
