"""The Secrets and Services that a spec names: are they there, and what do they hold, as a keyed hash only."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from webhookcore.settings import WebhookCoreSpec
from webhookcore.settings.database_url import MUST_BE, is_database_url
from webhookcore.settings.secrets import INTERNAL_REF, SHORTEST
from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.kinds import SECRET, SERVICE
from webhookcore_operator.live import owned_by
from webhookcore_operator.render import Owner, Part, Reference, names, references
from webhookcore_operator.render.inputs import Manifest

KEY: Final = "secret"
"""The key of the internal secret."""
_SIGNS: Final = ("appSecretRef", "previousAppSecretRef")
_DATABASE: Final = "urlSecretRef"
_NAMED: Final = ", ".join


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What was found. The hashes are worth something only where nothing is missing."""

    problems: tuple[str, ...]
    """What the router cannot start without and does not have: field path, what is wrong, what to do."""
    services: tuple[str, ...]
    """Routes whose Service is not there: the others are served all the same."""
    router_hash: str
    """Over all values that the router reads; keyed, so that it tells nothing of them."""
    database_hash: str


async def ensure_internal_secret(api: Api, owner: Owner, metadata: Manifest) -> bytes:
    """The internal secret's value; made where it is not there, never overwritten. `metadata` is the new Secret's.

    Raises LookupError where the Secret is somebody else's or holds nothing of use.
    """
    name = names.internal_secret(owner.name)
    live = await api.get(SECRET, owner.namespace, name)
    if live is None:
        value = base64.b64encode(secrets.token_hex(32).encode()).decode()
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {KEY: value}}
        live = await api.create(SECRET, owner.namespace, body)
    elif not owned_by(live, owner.uid):
        raise LookupError(f"the Secret {name} is not this resource's: delete it, and it is made")
    held = _values(live).get(KEY, b"")
    if len(held) < SHORTEST:
        raise LookupError(
            f"the Secret {name} has no key `{KEY}` of at least {SHORTEST} bytes: delete it, and it is made again"
        )
    return held


async def resolve(api: Api, namespace: str, spec: WebhookCoreSpec, internal: bytes) -> Dependencies:
    """Reads each Secret by its name, once."""
    wanted = references(spec)
    held = {name: await _read(api, namespace, name) for name in sorted({reference.name for reference in wanted})}
    problems = [problem for reference in wanted if (problem := _problem(reference, held[reference.name], namespace))]
    return Dependencies(
        tuple(problems),
        tuple(await _missing_services(api, namespace, spec)),
        _hash(internal, held, (each for each in wanted if Part.ROUTER in each.parts)),
        _hash(internal, held, (each for each in wanted if Part.MIGRATE in each.parts)),
    )


async def _read(api: Api, namespace: str, name: str) -> Mapping[str, bytes] | None:
    live = await api.get(SECRET, namespace, name)
    return None if live is None else _values(live)


def _values(secret: Manifest) -> dict[str, bytes]:
    values = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            values[key] = base64.b64decode(value, validate=True)
        except binascii.Error:  # the API server lets nothing else in; what is odd is as good as missing
            continue
    return values


def _problem(reference: Reference, held: Mapping[str, bytes] | None, namespace: str) -> str:
    """What is wrong with it, or nothing."""
    name, key = reference.name, reference.key
    if (name, key) == (INTERNAL_REF.name, INTERNAL_REF.key):
        return f"{reference.path}: {name}/{key} is where pods find the internal secret; rename the Secret or the key"
    if held is None:
        return (
            f"{reference.path}: there is no Secret {name} in the namespace {namespace}; create it with the key `{key}`"
        )
    if key not in held:
        there = _NAMED(f"`{each}`" for each in sorted(held)) or "none"
        return f"{reference.path}: the Secret {name} has no key `{key}`; its keys are: {there}"
    unfit = _unfit(reference.path, held[key])
    return f"{reference.path}: the key `{key}` of the Secret {name} {unfit}" if unfit else ""


def _unfit(path: str, value: bytes) -> str:
    """Why the field cannot work with it, without a word of it; or nothing."""
    if not value.strip():
        return "is empty"
    if path.endswith(_SIGNS) and len(value.strip()) < SHORTEST:
        return f"is shorter than {SHORTEST} bytes"
    if path.endswith(_DATABASE) and not is_database_url(value.decode(errors="replace").rstrip("\r\n")):
        return f"holds no URL of a database; it {MUST_BE}"
    return ""


def _hash(internal: bytes, held: Mapping[str, Mapping[str, bytes] | None], used: Iterable[Reference]) -> str:
    digest = hmac.new(internal, digestmod=hashlib.sha256)
    digest.update(b"values of secrets")  # the internal secret signs other things too
    for reference in used:
        value = (held[reference.name] or {}).get(reference.key, b"")
        for part in (reference.path.encode(), value):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


async def _missing_services(api: Api, namespace: str, spec: WebhookCoreSpec) -> list[str]:
    missing = []
    for index, route in enumerate(spec.routes):
        if route.service is None:
            continue
        where = route.service.namespace or namespace
        path = f"spec.routes[{index}].service"
        try:
            live = await api.get(SERVICE, where, route.service.name)
        except ApiError as error:
            if error.forbidden:
                continue  # an operator that watches some namespaces only may not look into others
            raise
        if live is None:
            missing.append(
                f"{path}: there is no Service {route.service.name} in the namespace {where}; what is for "
                f"{route.name} waits in the dead letter queue"
            )
        elif (ports := _ports(live)) is not None and route.service.port not in ports:
            there = _NAMED(str(port) for port in ports) or "none"
            words = f"the Service {route.service.name} has no port {route.service.port}; its ports are: {there}"
            missing.append(f"{path}.port: {words}")
    return missing


def _ports(service: Manifest) -> list[int] | None:
    """Those that it has; None where that is not its own to say."""
    spec = service["spec"]
    return None if spec.get("type") == "ExternalName" else [port["port"] for port in spec.get("ports") or ()]
