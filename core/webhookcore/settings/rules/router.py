"""Rules about the router."""

from collections.abc import Iterator
from typing import Final

from webhookcore.settings.findings import Finding
from webhookcore.settings.view import View, quoted

RESERVED: Final = ("/health", "/internal", "/livez", "/metrics", "/readyz")


def path(view: View) -> Iterator[Finding]:
    """The path of the notifications is none of those that the router answers itself."""
    found = view.spec.router.path
    if any(f"{found}/".startswith(f"{reserved}/") for reserved in RESERVED):
        yield Finding(("spec", "router", "path"), quoted(found), f"must not be below {', '.join(RESERVED)}")


def autoscaling(view: View) -> Iterator[Finding]:
    """The autoscaler has room."""
    scaling = view.spec.router.autoscaling
    if scaling is None or view.hurt("spec", "router", "autoscaling", "maxReplicas"):
        return
    if scaling.max_replicas < scaling.min_replicas:
        yield Finding(
            ("spec", "router", "autoscaling", "maxReplicas"),
            str(scaling.max_replicas),
            f"must be at least minReplicas ({scaling.min_replicas})",
        )
