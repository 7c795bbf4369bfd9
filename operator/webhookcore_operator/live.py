"""What a live object says of itself. Pure."""

from typing import Any

from webhookcore_operator.render.inputs import Manifest


def true_condition(live: Manifest, type_: str) -> dict[str, Any] | None:
    """The condition of this type where it is true."""
    for condition in (live.get("status") or {}).get("conditions") or ():
        if condition["type"] == type_ and condition["status"] == "True":
            found: dict[str, Any] = condition
            return found
    return None


def owned_by(live: Manifest, uid: str) -> bool:
    """Whether the object has this owner's reference: one of a vanished owner of the same name has another UID."""
    return any(owner.get("uid") == uid for owner in live["metadata"].get("ownerReferences") or ())
