"""What the API server's audit log says of a resync of the operator. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from tests.cluster.support.audit import Request

from webhookcore_operator.kinds import CHILDREN, CONFIG
from webhookcore_operator.render.names import FIELD_MANAGER, LABEL_INSTANCE

Place = tuple[str, str]
"""A resource's namespace and name."""


@dataclass(frozen=True, slots=True)
class Resync:
    """From a list of all resources to the next one. Looks at rollouts that were due meanwhile are in it."""

    seconds: float
    """Until each child kind of each resource had been listed."""
    looks: int
    """Reconciliations."""
    requests: int
    """What those have asked."""


def first_resync(requests: Sequence[Request], places: Sequence[Place]) -> Resync:
    """Of what was asked, in the order in which it came in, the first resync that is in it whole; what kopf asks for its
    watches does not count. Raises ValueError where there is none, or where it has not come to each of `places`.
    """
    asked = [each for each in requests if each.agent == FIELD_MANAGER and each.resource != "leases"]
    begins = [at for at, each in enumerate(asked) if _lists_resources(each) and not each.namespace]
    window = next(pairwise(begins), None)
    if window is None:
        raise ValueError("no resync is in the log from its beginning to the next one")
    begin, end = window
    return _resync(asked[begin], asked[begin + 1 : end], places)


def _resync(begin: Request, asked: Sequence[Request], places: Sequence[Place]) -> Resync:
    ended: dict[tuple[str, str, str], datetime] = {}
    for each in asked:
        ended.setdefault((each.namespace, _instance(each), each.resource), _moment(each.raw["stageTimestamp"]))
    wanted = [(*place, kind.plural) for place in places for kind in CHILDREN]
    missing = [each for each in wanted if each not in ended]
    if missing:
        raise ValueError(f"{len(missing)} lists of {len(wanted)} are missing in a resync; the first: {missing[0]}")
    last = max(ended[each] for each in wanted)
    return Resync((last - _moment(begin.at)).total_seconds(), looks(asked), len(asked))


def looks(requests: Sequence[Request]) -> int:
    """How many reconciliations began: each with a list of its namespace's resources."""
    return sum(bool(_lists_resources(each) and each.namespace) for each in requests if each.agent == FIELD_MANAGER)


def _lists_resources(request: Request) -> bool:
    return request.verb == "list" and request.resource == CONFIG.plural


def _instance(request: Request) -> str:
    """Whose children were listed; "" for another request."""
    uri: str = request.raw["requestURI"]
    selectors = parse_qs(urlsplit(uri).query).get("labelSelector", [""])
    labels = dict(label.partition("=")[::2] for label in selectors[0].split(","))
    return labels.get(LABEL_INSTANCE, "")


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)
