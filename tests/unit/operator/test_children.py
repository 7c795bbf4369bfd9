"""What a resource has, and what of it nobody wants any more."""

from typing import Any

from tests.unit.operator.objects import NAMESPACE, UID, child, deployment, job, template

from webhookcore_operator.children import Children, place_of
from webhookcore_operator.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE
from webhookcore_operator.render import Owner
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import Part

OWNER = Owner("shop", NAMESPACE, UID)
OLD, NEW = (child("ConfigMap", f"shop-{name}", Part.ROUTER) for name in ("old", "new"))


def children(*live: Manifest) -> Children:
    return Children(OWNER, live)


def surplus(held: Children, *wanted: Manifest) -> list[str]:
    """The names of what is not wanted, where the Deployment always is."""
    return sorted(live["metadata"]["name"] for live in held.surplus([*wanted, deployment()]))


def run(name: str, component: str, ended: str = "", *, volumes: Any) -> Manifest:
    """A Job whose pods mount these."""
    made = job(name, component, ended, "2026-01-01T00:00:00Z")
    made["spec"]["template"]["spec"]["volumes"] = volumes
    return made


def test_what_is_there_is_found_by_kind_and_name() -> None:
    """What was written replaces what was read; what was deleted is gone."""
    live = deployment()
    held = children(live, OLD)
    assert held.get(DEPLOYMENT, "shop-router") is live
    assert held.get(SERVICE, "shop-router") is None
    newer = deployment(5)
    held.put(newer)
    assert held.get(DEPLOYMENT, "shop-router") is newer
    assert held.all_of(CONFIG_MAP) == [OLD]
    held.drop(OLD)
    held.drop(OLD)
    assert held.all_of(CONFIG_MAP) == []
    assert place_of(live) == ("Deployment", "shop-router")


def test_own_is_what_has_the_resources_uid() -> None:
    """Not what has only its labels, or the UID of one of the same name before it."""
    mine = child("Service", "mine", Part.ROUTER)
    strangers = [
        child("Service", "labelled", Part.ROUTER, uid=None),
        child("Service", "before", Part.ROUTER, uid="u-0"),
    ]
    held = children(mine, *strangers)
    assert held.own(SERVICE, "mine") is mine
    assert [held.own(SERVICE, name) for name in ("labelled", "before", "none")] == [None, None, None]
    assert held.get(SERVICE, "labelled") is strangers[0]


def test_runs_are_the_jobs_but_the_migration() -> None:
    """Whatever labels they have."""
    unlabelled = job("by-hand", "")
    del unlabelled["metadata"]["labels"]
    jobs = [job("dlq-1", Part.DLQ_PROCESSOR), job("shop-migrate-x", Part.MIGRATE), unlabelled]
    assert children(*jobs).runs() == [jobs[0], unlabelled]


def test_surplus_is_our_own_that_is_not_wanted() -> None:
    """What is being deleted needs no second time; what is a stranger's is not ours to delete."""
    wanted, unwanted, going = (child("Service", name, Part.ROUTER) for name in ("wanted", "unwanted", "going"))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    strangers = [
        child("Service", "labelled", Part.ROUTER, uid=None),
        child("Service", "before", Part.ROUTER, uid="u-0"),
    ]
    assert surplus(children(wanted, unwanted, going, *strangers), wanted) == ["unwanted"]


def test_a_config_map_stays_while_routers_are_replaced() -> None:
    """A router of before that starts again reads its own."""
    assert surplus(children(deployment(updated=1), OLD, NEW), NEW) == []
    assert surplus(children(deployment(), OLD, NEW), NEW) == ["shop-old"]
    assert surplus(children(OLD, NEW), NEW) == ["shop-old"]


def test_a_config_map_stays_while_a_run_of_before_reads_it() -> None:
    """Until it has ended; what else it mounts is no ConfigMap."""
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": "shop-old"}}]
    running = run("dlq-1", Part.DLQ_PROCESSOR, volumes=volumes)
    assert surplus(children(deployment(), running, OLD, NEW), NEW) == []
    for ended in ("Complete", "Failed"):
        over = run("dlq-1", Part.DLQ_PROCESSOR, ended, volumes=volumes)
        assert surplus(children(deployment(), over, OLD, NEW), NEW) == ["shop-old"]
    without = run("dlq-1", Part.DLQ_PROCESSOR, volumes=None)
    assert surplus(children(deployment(), without, OLD, NEW), NEW) == ["shop-old"]


def test_what_a_template_that_stands_still_names_stays() -> None:
    """Where the API server refused what was to take its place: whatever starts from it needs its ConfigMap."""
    live, refused_run, gone = (
        child("ConfigMap", f"shop-{name}", Part.ROUTER) for name in ("live", "refused-run", "gone")
    )
    cron = child("CronJob", "dlq-processor", Part.DLQ_PROCESSOR)
    cron["spec"] = {"jobTemplate": {"spec": {"template": template("shop-refused-run")}}}
    assert surplus(children(deployment(), live, refused_run, gone, cron), cron) == ["shop-gone"]
