"""The migration gate: routers and jobs of a new image or database run only when its migration has succeeded. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from webhookcore_operator.live import true_condition
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import START_ANNOTATION

FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=10)
LOOK: Final = timedelta(seconds=10)
JOB_GONE: Final = timedelta(seconds=2)
"""By then a Job that is deleted is gone."""
MIGRATED: Final = ("Migrated", "the database has this image's schema")
MIGRATING: Final = "Migrating"
FAILED: Final = "MigrationFailed"
STALLED: Final = "MigrationStalled"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the status remembers: a Job may be pruned by anybody."""

    done: str = ""
    """The hash of the last migration that succeeded."""
    failed: str = ""
    """The hash of the migration that failed last, while it has not succeeded."""
    failures: int = 0
    last_failure: datetime | None = None


class Step(Enum):
    """What to do with the Job."""

    NOTHING = auto()
    CREATE = auto()
    DELETE = auto()
    """It has failed and is due again, or cannot start as it is: deleted first, made when it is gone."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision."""

    open: bool
    """Whether what needs this migration may run."""
    step: Step
    memory: Memory
    reason: str
    message: str
    again_at: datetime | None = None

    @property
    def status(self) -> str:
        return "True" if self.open else "False"


def decide(
    wanted: str,
    memory: Memory,
    job: Manifest | None,
    log: str,
    now: datetime,
    *,
    stalled: str = "",
    outdated: bool = False,
) -> Gate:
    """`job` is the migration's Job of the hash `wanted`, None where there is none. `log` is the end of its log,
    `stalled` why its pod does not start, where that will not get better by waiting; `outdated`, whether it would be
    made otherwise now.
    """
    if memory.done == wanted:
        return Gate(True, Step.NOTHING, Memory(done=wanted), *MIGRATED)
    if job is None:
        if memory.failed == wanted and (due := _due(memory)) is not None and now < due:
            return Gate(False, Step.NOTHING, memory, FAILED, _told(memory, log), due)
        return _under_way(Step.CREATE, wanted, memory, "the migration Job is being made")
    if true_condition(job, "Complete"):
        return Gate(True, Step.NOTHING, Memory(done=wanted), *MIGRATED)
    if (failed := true_condition(job, "Failed")) is not None:
        memory = _remembered(wanted, memory, datetime.fromisoformat(failed["lastTransitionTime"]))
        return _failed(memory, job, log, now)
    return _running(wanted, memory, job, stalled, now, outdated=outdated)


def is_outdated(job: Manifest, wanted: Manifest) -> bool:
    """Whether the Job would start otherwise than is `wanted` now: its image pulled otherwise, on other nodes. By our
    own note: what is there, an admission controller may have changed, and would again.
    """
    then, now = ((each["metadata"].get("annotations") or {}).get(START_ANNOTATION) for each in (job, wanted))
    return bool(then != now)


def _running(wanted: str, memory: Memory, job: Manifest, stalled: str, now: datetime, *, outdated: bool) -> Gate:
    """Looked at again all the while: nobody watches its pods."""
    name = job["metadata"]["name"]
    if stalled and outdated:
        return _under_way(Step.DELETE, wanted, memory, f"the Job {name} is made anew", now + JOB_GONE)
    if job["spec"].get("suspend"):
        stalled = "somebody has suspended it"
    if stalled:
        words = f"the Job {name} does not start: {stalled}"
        return Gate(False, Step.NOTHING, memory, STALLED, words, now + LOOK)
    return _under_way(Step.NOTHING, wanted, memory, f"the Job {name} is running", now + LOOK)


def _under_way(step: Step, wanted: str, memory: Memory, words: str, again_at: datetime | None = None) -> Gate:
    """What has failed before is no news until it succeeds: a retry does not make a resource ready for a moment."""
    if memory.failed == wanted:
        return Gate(False, step, memory, FAILED, f"{_told(memory, '')}: {words}", again_at)
    return Gate(False, step, memory, MIGRATING, words, again_at)


def _remembered(wanted: str, memory: Memory, at: datetime) -> Memory:
    """With this failure, counted once."""
    if memory.failed != wanted:
        return Memory(memory.done, wanted, 1, at)
    return memory if memory.last_failure == at else Memory(memory.done, wanted, memory.failures + 1, at)


def _failed(memory: Memory, job: Manifest, log: str, now: datetime) -> Gate:
    """The Job stays to be looked at until the next try is due."""
    due = _due(memory)
    if due is not None and now < due:
        return Gate(False, Step.NOTHING, memory, FAILED, _told(memory, log, job), due)
    return Gate(False, Step.DELETE, memory, FAILED, _told(memory, log, job), now + JOB_GONE)


def _due(memory: Memory) -> datetime | None:
    if memory.last_failure is None:
        return None
    wait: timedelta = min(FIRST_WAIT * 2 ** min(memory.failures - 1, 8), LONGEST_WAIT)
    return memory.last_failure + wait


def _told(memory: Memory, log: str, job: Manifest | None = None) -> str:
    look = f"kubectl logs job/{job['metadata']['name']}" if job else "it is tried again"
    ended = f"; it said: {log}" if log else ""
    last = f", last at {memory.last_failure:%FT%TZ}" if memory.last_failure else ""
    return f"the migration failed {memory.failures} time(s){last}{ended} ({look})"
