"""The Secrets and Services that a spec names: what is said of those that are missing, and what the hashes tell.

The answers are those of an API server; a real one's are asked for in tests/cluster.
"""

import base64
import copy
from typing import Any, cast

import pytest
from tests.unit.operator.objects import NAMESPACE, UID, child
from tests.unit.operator.render.resources import EVERYTHING, MINIMAL

from webhookcore.settings import WebhookCoreSpec
from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.dependencies import Dependencies, ensure_internal_secret, resolve
from webhookcore_operator.kinds import Kind
from webhookcore_operator.render import Owner, Part
from webhookcore_operator.render.inputs import Manifest

OWNER = Owner("shop", NAMESPACE, UID)
INTERNAL = b"i" * 64
VALUES = {
    "database": {"url": b"postgresql://db/a"},
    "whatsapp": {"app-secret": b"a" * 32, "verify-token": b"v" * 16, "access-token": b"t" * 16, "jobs": b"j" * 16},
    "whatsapp-before": {"app-secret": b"b" * 32},
    "rides": {"webhook-secret": b"r" * 16},
}
METADATA = child("Secret", "shop-internal", Part.ROUTER)["metadata"]


def secret(values: dict[str, bytes], **more: Any) -> Manifest:
    return {"data": {key: base64.b64encode(value).decode() for key, value in values.items()}, **more}


class Server:
    """Holds objects by kind, namespace and name."""

    def __init__(self, secrets: Any = VALUES) -> None:
        self.held: dict[tuple[str, str, str], Manifest] = {
            ("Secret", NAMESPACE, name): secret(values) for name, values in secrets.items()
        }
        self.service("work", "jobs", 8080)
        self.asked: list[tuple[str, str, str]] = []
        self.refuses: dict[str, int] = {}
        """Namespaces, and the status that they answer with."""

    def service(self, namespace: str, name: str, *ports: int, **spec: Any) -> None:
        self.held["Service", namespace, name] = {"spec": {"ports": [{"port": port} for port in ports], **spec}}

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        self.asked.append((kind.name, namespace, name))
        if status := self.refuses.get(namespace):
            raise ApiError(status, "", "")
        return self.held.get((kind.name, namespace, name))

    async def create(self, kind: Kind, namespace: str, body: Manifest) -> Manifest:
        self.held[kind.name, namespace, body["metadata"]["name"]] = body
        return body

    async def resolve(self, spec: Any = EVERYTHING, internal: bytes = INTERNAL) -> Dependencies:
        return await resolve(cast("Api", self), NAMESPACE, WebhookCoreSpec.model_validate(spec), internal)

    async def ensure(self) -> bytes:
        return await ensure_internal_secret(cast("Api", self), OWNER, METADATA)


def without(name: str, key: str) -> dict[str, dict[str, bytes]]:
    return {each: {k: v for k, v in values.items() if (each, k) != (name, key)} for each, values in VALUES.items()}


def changed(name: str, key: str, value: bytes) -> dict[str, dict[str, bytes]]:
    return {**VALUES, name: {**VALUES[name], key: value}}


# What is missing


async def test_all_is_there() -> None:
    """Each Secret is asked for once, by its name."""
    server = Server()
    found = await server.resolve()
    assert (found.problems, found.services) == ((), ())
    asked = [name for kind, _, name in server.asked if kind == "Secret"]
    assert asked == ["database", "rides", "whatsapp", "whatsapp-before"]


async def test_a_secret_that_is_not_there() -> None:
    """For each field that names it: where, what, and what to do."""
    found = await Server({name: values for name, values in VALUES.items() if name != "whatsapp"}).resolve(MINIMAL)
    words = "there is no Secret whatsapp in the namespace shop; create it with the key"
    assert found.problems == (
        f"spec.whatsapp.appSecretRef: {words} `app-secret`",
        f"spec.whatsapp.verifyTokenRef: {words} `verify-token`",
        f"spec.whatsapp.accessTokenRef: {words} `access-token`",
    )


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        (
            without("whatsapp", "verify-token"),
            "spec.whatsapp.verifyTokenRef: the Secret whatsapp has no key `verify-token`; its keys are: `access",
        ),
        (
            without("database", "url"),
            "spec.database.urlSecretRef: the Secret database has no key `url`; its keys are: none",
        ),
        (
            changed("database", "url", b" \n"),
            "spec.database.urlSecretRef: the key `url` of the Secret database is empty",
        ),
        (
            changed("database", "url", b"postgresql://u:pa/ss@db/a\n"),
            "spec.database.urlSecretRef: the key `url` of the Secret database holds no URL of a database",
        ),
        (
            changed("database", "url", b"\xff"),
            "spec.database.urlSecretRef: the key `url` of the Secret database holds no URL of a database",
        ),
        (
            changed("whatsapp", "app-secret", b"seven77"),
            "spec.whatsapp.appSecretRef: the key `app-secret` of the Secret whatsapp is shorter than 8 bytes",
        ),
        (
            changed("whatsapp-before", "app-secret", b"seven77\n"),
            "spec.whatsapp.previousAppSecretRef: the key `app-secret` of the Secret whatsapp-before is shorter than 8",
        ),
    ],
)
async def test_a_key_that_is_of_no_use(secrets: Any, words: str) -> None:
    """No value is ever shown; the names of keys are."""
    (problem,) = (await Server(secrets).resolve()).problems
    assert problem.startswith(words)


async def test_a_line_end_behind_a_url() -> None:
    """As `--from-file` puts it there."""
    assert (await Server(changed("database", "url", b"postgresql://db/a\r\n")).resolve()).problems == ()


async def test_a_secret_where_pods_find_the_internal_one() -> None:
    """Both would be the same file."""
    spec = copy.deepcopy(dict(MINIMAL))
    spec["database"]["urlSecretRef"] = {"name": "internal", "key": "secret"}
    (problem,) = (await Server({**VALUES, "internal": {"secret": b"x" * 16}}).resolve(spec)).problems
    assert problem.startswith("spec.database.urlSecretRef: internal/secret is where pods find the internal secret")


async def test_a_short_token_signs_nothing() -> None:
    """Its length is its maker's business."""
    assert (await Server(changed("whatsapp", "verify-token", b"v")).resolve()).problems == ()


async def test_what_is_no_base64_is_as_good_as_missing() -> None:
    """The API server lets nothing else in; nothing fails because of it."""
    server = Server()
    server.held["Secret", NAMESPACE, "database"] = {"data": {"url": "no base64!"}}
    assert "its keys are: none" in (await server.resolve()).problems[0]
    server.held["Secret", NAMESPACE, "database"] = {}
    assert "its keys are: none" in (await server.resolve()).problems[0]


async def test_services() -> None:
    """One that is not there, one without the port; the namespace is the route's or else the resource's own."""
    server = Server()
    server.service("work", "jobs", 80, 443)
    path = "spec.routes[1].service"
    words = f"{path}.port: the Service jobs has no port 8080; its ports are: 80, 443"
    assert (await server.resolve()).services == (words,)
    server.service("work", "jobs")
    assert (await server.resolve()).services == (words.replace("80, 443", "none"),)
    del server.held["Service", "work", "jobs"]
    assert (await server.resolve()).services == (
        f"{path}: there is no Service jobs in the namespace work; what is for jobs waits in the dead letter queue",
    )
    spec = copy.deepcopy(dict(EVERYTHING))
    del spec["routes"][1]["service"]["namespace"]
    assert "in the namespace shop;" in (await server.resolve(spec)).services[0]


async def test_another_name_for_a_host_has_every_port() -> None:
    """An ExternalName is DNS alone."""
    server = Server()
    server.service("work", "jobs", type="ExternalName")
    assert (await server.resolve()).services == ()


async def test_a_namespace_that_may_not_be_looked_into_is_not_complained_about() -> None:
    """An operator may have rights in some namespaces only; another refusal is an error."""
    server = Server()
    server.refuses["work"] = 403
    assert (await server.resolve()).services == ()
    server.refuses["work"] = 500
    with pytest.raises(ApiError):
        await server.resolve()


# The hashes


async def test_the_same_values_give_the_same_hashes() -> None:
    """Whatever else the Secrets hold, and whoever else uses them."""
    more = {**VALUES, "whatsapp": {**VALUES["whatsapp"], "unused": b"x"}}
    assert await Server(more).resolve() == await Server().resolve()


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, values in VALUES.items() for key in values])
async def test_each_value_changes_the_routers_hash(name: str, key: str) -> None:
    """Only the database's changes the migration's."""
    before, after = await Server().resolve(), await Server(changed(name, key, b"another value")).resolve()
    assert before.router_hash != after.router_hash
    assert (before.database_hash != after.database_hash) == (name == "database")


async def test_a_value_in_another_place_is_another() -> None:
    """Two that change places; a part of one that moves to its neighbour."""
    before = (await Server().resolve()).router_hash
    held = VALUES["whatsapp"]
    swapped = {**held, "verify-token": held["access-token"], "access-token": held["verify-token"]}
    moved = {**held, "verify-token": held["verify-token"] + b"t", "access-token": held["access-token"][1:]}
    for other in (swapped, moved):
        assert (await Server({**VALUES, "whatsapp": other}).resolve()).router_hash != before


async def test_a_field_that_names_a_value_no_more_changes_the_hash() -> None:
    """Although all the Secrets are the same."""
    spec = copy.deepcopy(dict(EVERYTHING))
    del spec["whatsapp"]["previousAppSecretRef"]
    assert (await Server().resolve(spec)).router_hash != (await Server().resolve()).router_hash


async def test_a_hash_tells_nothing_without_the_internal_secret() -> None:
    """It is keyed: nobody can try values against what stands in a pod's annotation."""
    mine, others = await Server().resolve(), await Server().resolve(internal=b"o" * 64)
    assert mine.router_hash != others.router_hash
    assert mine.database_hash != others.database_hash
    assert len(mine.router_hash) == len(mine.database_hash) == 16


# The internal secret


async def test_the_internal_secret_is_made_once() -> None:
    """Random, the resource's own, and never overwritten."""
    server = Server()
    made = await server.ensure()
    assert (len(made), made) == (64, await server.ensure())
    body = server.held["Secret", NAMESPACE, "shop-internal"]
    assert (body["metadata"], body["type"]) == (METADATA, "Opaque")
    assert await Server().ensure() != made


async def test_an_internal_secret_that_is_not_ours() -> None:
    """Of a vanished resource of the same name, or by hand: it is read by nobody, as Kubernetes may delete it soon."""
    for metadata in (child("Secret", "shop-internal", "x", uid="u-0")["metadata"], {"name": "shop-internal"}):
        server = Server()
        server.held["Secret", NAMESPACE, "shop-internal"] = secret({"secret": b"s" * 64}, metadata=metadata)
        with pytest.raises(LookupError, match="the Secret shop-internal is not this resource's: delete it"):
            await server.ensure()


@pytest.mark.parametrize("values", [{}, {"other": b"s" * 64}, {"secret": b"short"}])
async def test_an_internal_secret_of_no_use(values: dict[str, bytes]) -> None:
    """Somebody has emptied it; nothing is overwritten."""
    server = Server()
    server.held["Secret", NAMESPACE, "shop-internal"] = secret(values, metadata=METADATA)
    with pytest.raises(LookupError, match="has no key `secret` of at least 8 bytes: delete it"):
        await server.ensure()
