"""Makes a child what was rendered, by server-side apply, and writes nothing where nothing changed."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.kinds import DEPLOYMENT, Kind, kind_of
from webhookcore_operator.live import owned_by
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.surplus import removals, whole_spec

_TRIES: Final = 5


class Outcome(StrEnum):
    """What applying a child came to."""

    SKIPPED = "skipped"
    """It is as it was after the last apply."""
    SAME = "same"
    """It had changed, but nothing that is ours."""
    CREATED = "created"
    CHANGED = "changed"
    """Something else was wanted than before."""
    REPAIRED = "repaired"
    """Somebody else had changed what is ours: drift."""


class StrangerError(Exception):
    """An object of that name is somebody else's."""


class RefusedError(Exception):
    """The API server does not take the object as rendered; the message is its own."""


class ChangedMeanwhileError(Exception):
    """The object is not as it was read any more: read and decide again."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A child as it is now, and how it came to be so."""

    live: Manifest
    outcome: Outcome


class Applier:
    """Remembers what each apply came to: for as long as neither what is wanted nor what is there changes, there is
    nothing to do. What is live is never compared with what is rendered: the server fills in defaults.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._last: dict[tuple[str, str], dict[tuple[str, str], tuple[str, str]]] = {}
        """By the owner's namespace and name, then by kind and name: the hash and the version."""

    async def apply(self, wanted: Manifest, live: Manifest | None) -> Applied:
        """Raises StrangerError, RefusedError or ChangedMeanwhileError besides what a request raises."""
        kind, metadata = kind_of(wanted), wanted["metadata"]
        if live is not None and not owned_by(live, metadata["ownerReferences"][0]["uid"]):
            raise StrangerError(f"a {kind.name} {metadata['name']} that is not this resource's is in the way")
        owner = (metadata["namespace"], metadata["ownerReferences"][0]["name"])
        last, place, digest = self._last.setdefault(owner, {}), (kind.name, metadata["name"]), _digest(wanted)
        before = last.get(place)
        if live is not None and before == (digest, live["metadata"]["resourceVersion"]):
            return Applied(live, Outcome.SKIPPED)
        try:
            now = await self._write(kind, wanted, live)
        except ApiError as error:
            now = await self._refused(kind, wanted, live, error)
        last[place] = (digest, now["metadata"]["resourceVersion"])
        return Applied(now, _outcome(live, now, known=before is not None and before[0] == digest))

    def forget(self, live: Manifest) -> None:
        """A child was deleted."""
        metadata = live["metadata"]
        for owner in metadata.get("ownerReferences") or ():
            last = self._last.get((metadata["namespace"], owner["name"]), {})
            last.pop((live["kind"], metadata["name"]), None)

    def forget_all(self, namespace: str, owner: str) -> None:
        """A resource was deleted, and its children with it."""
        self._last.pop((namespace, owner), None)

    async def _write(self, kind: Kind, wanted: Manifest, live: Manifest | None) -> Manifest:
        namespace, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        body = wanted
        if live is not None:  # so that one who comes late gets a conflict instead of its way
            body = {
                **wanted,
                "metadata": {**wanted["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]},
            }
        now = await self._api.apply(kind, namespace, name, body)
        surplus = removals(wanted, now)
        return await self._api.patch(kind, namespace, name, surplus) if surplus else now

    async def _refused(self, kind: Kind, wanted: Manifest, live: Manifest | None, error: ApiError) -> Manifest:
        if error.conflict:
            raise ChangedMeanwhileError(str(error)) from error
        if not (error.invalid or error.forbidden or error.malformed):
            raise error
        if error.invalid and live is not None:
            try:
                if (now := await self._made_anew(kind, wanted, live, error)) is not None:
                    return now
            except ApiError as again:
                if again.conflict:
                    raise ChangedMeanwhileError(str(again)) from again
                error = again
        raise RefusedError(f"{kind.name} {wanted['metadata']['name']}: {error.message}") from error

    async def _made_anew(self, kind: Kind, wanted: Manifest, live: Manifest, error: ApiError) -> Manifest | None:
        """None where that would not help, or would take away what serves: a Deployment's pods."""
        if "immutable" in error.message:
            if kind is DEPLOYMENT:
                return None
            await self._api.delete(kind, live)
            self.forget(live)
            return await self._write(kind, wanted, None)
        # What somebody has added may contradict what is ours: a volume is of one kind. Then nothing of it stays.
        operations = whole_spec(wanted, live)
        if not operations:
            return None
        namespace, name = live["metadata"]["namespace"], live["metadata"]["name"]
        await self._api.patch(kind, namespace, name, operations)
        return await self._applied_again(kind, wanted)

    async def _applied_again(self, kind: Kind, wanted: Manifest) -> Manifest:
        """So that what is ours is ours by an apply again. Its controller may be quicker to write a status: whoever left
        it at that would find all as it should be the next time, and count no drift.
        """
        namespace, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        tries = _TRIES
        while True:
            try:
                return await self._write(kind, wanted, await self._api.get(kind, namespace, name))
            except ApiError as error:
                tries -= 1
                if not error.conflict or not tries:
                    raise


def _outcome(live: Manifest | None, now: Manifest, *, known: bool) -> Outcome:
    if live is None or live["metadata"]["uid"] != now["metadata"]["uid"]:
        return Outcome.REPAIRED if known else Outcome.CREATED
    if live["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"]:
        return Outcome.SAME
    return Outcome.REPAIRED if known else Outcome.CHANGED


def _digest(manifest: Any) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
