"""What a resource has in its namespace: its children as they are, and which of them nobody wants any more."""

import asyncio
from collections.abc import Iterable, Iterator

from webhookcore_operator import scale
from webhookcore_operator.api import Api
from webhookcore_operator.kinds import CHILDREN, CONFIG_MAP, CRON_JOB, DEPLOYMENT, JOB, MONITORING, Kind, kind_of
from webhookcore_operator.live import owned_by, true_condition
from webhookcore_operator.render import Owner, names
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import LABEL_COMPONENT, LABEL_INSTANCE, LABEL_NAME, Part

Place = tuple[str, str]
"""Kind and name."""


def place_of(manifest: Manifest) -> Place:
    return manifest["kind"], manifest["metadata"]["name"]


class Children:
    """The live objects with the resource's labels, and those that were asked for by name: a label may be gone."""

    def __init__(self, owner: Owner, live: Iterable[Manifest]) -> None:
        self.owner = owner
        self._live = {place_of(each): each for each in live}

    @classmethod
    async def read(cls, api: Api, owner: Owner, monitoring: frozenset[str]) -> "Children":
        """One list a kind, and the Deployment whatever its labels."""
        labels = {LABEL_NAME: names.APP, LABEL_INSTANCE: owner.name}
        kinds = [*CHILDREN, *(kind for kind in MONITORING if kind.name in monitoring)]
        lists = await asyncio.gather(*(api.list_all(kind, owner.namespace, labels=labels) for kind in kinds))
        children = cls(owner, (each for found in lists for each in found))
        # Whose labels somebody has changed: how many routers there are is decided by what it says.
        await children.seek(api, DEPLOYMENT, names.router(owner.name))
        return children

    def get(self, kind: Kind, name: str) -> Manifest | None:
        """As it was last read or written."""
        return self._live.get((kind.name, name))

    def own(self, kind: Kind, name: str) -> Manifest | None:
        """The same, where it is this resource's."""
        live = self.get(kind, name)
        return live if live is not None and owned_by(live, self.owner.uid) else None

    async def find(self, api: Api, wanted: Manifest) -> Manifest | None:
        """What stands where `wanted` is to be; asked for by name where no list had it."""
        return await self.seek(api, kind_of(wanted), wanted["metadata"]["name"])

    async def seek(self, api: Api, kind: Kind, name: str) -> Manifest | None:
        """The same, by its kind and name."""
        live = self.get(kind, name)
        if live is None:
            live = await api.get(kind, self.owner.namespace, name)
            if live is not None:
                self.put(live)
        return live

    def put(self, live: Manifest) -> None:
        self._live[place_of(live)] = live

    def drop(self, live: Manifest) -> None:
        self._live.pop(place_of(live), None)

    def all_of(self, kind: Kind) -> list[Manifest]:
        return [live for (name, _), live in self._live.items() if name == kind.name]

    def runs(self) -> list[Manifest]:
        """The Jobs of the CronJobs."""
        return [job for job in self.all_of(JOB) if _component(job) != Part.MIGRATE]

    def surplus(self, wanted: Iterable[Manifest]) -> Iterator[Manifest]:
        """This resource's own that are not wanted. A ConfigMap stays while somebody may still read it: a router of
        before that starts again, a run that began before, whatever starts from a template that still names it.
        """
        keep = {place_of(each) for each in wanted} | self._still_read()
        for place, live in self._live.items():
            if place not in keep and owned_by(live, self.owner.uid) and not live["metadata"].get("deletionTimestamp"):
                yield live

    def _still_read(self) -> set[Place]:
        deployment = self.get(DEPLOYMENT, names.router(self.owner.name))
        config_maps = {place_of(each) for each in self.all_of(CONFIG_MAP)}
        if deployment is not None and not scale.settled(deployment):
            return config_maps
        # Those that stand, too: what the API server refused has not taken their place.
        runs = [job["spec"] for job in self.runs() if not _ended(job)]
        crons = [cron["spec"]["jobTemplate"]["spec"] for cron in self.all_of(CRON_JOB)]
        reading = [*runs, *crons, *([deployment["spec"]] if deployment is not None else [])]
        volumes = [volume for spec in reading for volume in spec["template"]["spec"].get("volumes") or ()]
        return {(CONFIG_MAP.name, volume["configMap"]["name"]) for volume in volumes if "configMap" in volume}


def _component(live: Manifest) -> str:
    return str((live["metadata"].get("labels") or {}).get(LABEL_COMPONENT, ""))


def _ended(job: Manifest) -> bool:
    return any(true_condition(job, how) for how in ("Complete", "Failed"))
