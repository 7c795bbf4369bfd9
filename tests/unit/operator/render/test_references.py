"""Every Secret that a spec names."""

from collections import defaultdict

import pytest
from tests.unit.operator.render.resources import EVERYTHING, MINIMAL, changed, children, inputs, pods

from webhookcore.settings import describe_fields
from webhookcore_operator.render import Part, migration_hash, migration_job, references

ALL = frozenset(Part)
ROUTER = frozenset({Part.ROUTER})


def test_paths() -> None:
    """Each is told by its field, in the spec's order, with the parts that need it."""
    found = [(each.path, each.name, each.key, each.parts) for each in references(inputs(EVERYTHING).spec)]
    assert found == [
        ("spec.database.urlSecretRef", "database", "url", ALL),
        ("spec.whatsapp.appSecretRef", "whatsapp", "app-secret", ROUTER),
        ("spec.whatsapp.previousAppSecretRef", "whatsapp-before", "app-secret", ROUTER),
        ("spec.whatsapp.verifyTokenRef", "whatsapp", "verify-token", ROUTER),
        ("spec.whatsapp.accessTokenRef", "whatsapp", "access-token", ROUTER),
        ("spec.routes[0].secretRef", "rides", "webhook-secret", ROUTER),
        ("spec.routes[1].secretRef", "whatsapp", "jobs", ROUTER),
    ]


def test_none_is_forgotten() -> None:
    """A reference that is new in core is among them."""
    wanted = [doc.path for doc in describe_fields() if doc.path.endswith("Ref")]
    found = {each.path.replace("[0]", "[]").replace("[1]", "[]") for each in references(inputs(EVERYTHING).spec)}
    assert found == set(wanted)


def test_what_is_not_named_is_absent() -> None:
    """Optional ones."""
    assert len(references(inputs(MINIMAL).spec)) == len(("database", "app secret", "verify token", "access token"))


def test_pods_mount_what_is_referenced() -> None:
    """The pods of a part mount the references of that part, and the internal secret beside them."""
    wanted = inputs(EVERYTHING)
    expected = defaultdict(set)
    for each in references(wanted.spec):
        for part in each.parts - {Part.MIGRATE}:
            expected[part].add((each.name, each.key))
    for part in (Part.ROUTER, Part.DLQ_PROCESSOR):
        expected[part].add(("core-internal", "secret"))
    for component, template in pods(children(wanted)).items():
        mounted = {
            (source["secret"]["name"], item["key"])
            for volume in template["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            for item in source["secret"]["items"]
        }
        assert mounted == expected[Part(component)]


def test_one_secret_for_two_fields() -> None:
    """A key that two fields name is mounted once: a path twice would be refused."""
    spec = changed(EVERYTHING, "spec.whatsapp.previousAppSecretRef", {"name": "whatsapp", "key": "app-secret"})
    volumes = pods(children(inputs(spec)))["router"]["spec"]["volumes"]
    [sources] = [volume["projected"]["sources"] for volume in volumes if "projected" in volume]
    paths = [item["path"] for source in sources for item in source["secret"]["items"]]
    assert len(paths) == len(set(paths))


def test_migration() -> None:
    """The migration needs no more than the database's URL, and its name changes with whatever it migrates."""
    before = inputs(EVERYTHING)
    [container] = migration_job(before)["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [
        {
            "name": "DATABASE_URL",
            "valueFrom": {"secretKeyRef": {"name": "database", "key": "url", "optional": False}},
        }
    ]
    assert migration_job(before)["metadata"]["name"] == f"core-migrate-{migration_hash(before)}"
    others = [
        inputs(EVERYTHING, database_hash="other"),
        inputs(changed(EVERYTHING, "spec.image.tag", "2.0.2")),
        inputs(changed(EVERYTHING, "spec.database.urlSecretRef.key", "other")),
        inputs(changed(EVERYTHING, "spec.database.urlSecretRef.name", "other")),
    ]
    assert len({migration_hash(each) for each in (before, *others)}) == len(others) + 1


def test_no_database() -> None:
    """In a cluster nothing else could name it."""
    spec = {name: section for name, section in MINIMAL.items() if name != "database"}
    with pytest.raises(ValueError, match=r"spec\.database\.urlSecretRef"):
        migration_job(inputs(spec))
