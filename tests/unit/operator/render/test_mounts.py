"""What each pod finds in its files is what its part reads: the settings are loaded as the part loads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from tests.unit.operator.render.resources import AUTOSCALED, EVERYTHING, MINIMAL, PLACED, children, inputs, pods

from webhookcore.settings import Settings, SettingsError, WebhookCoreSpec, load_settings
from webhookcore_operator.render import Inputs, Manifest, Part, names
from webhookcore_operator.render.references import NEEDS

READERS: Final = [Part.ROUTER, Part.DLQ_PROCESSOR, Part.SESSION_CLEANUP]
SPECS: Final = {"minimal": MINIMAL, "everything": EVERYTHING, "autoscaled": AUTOSCALED, "placed": PLACED}


def laid_out(wanted: Inputs, part: Part, folder: Path) -> dict[str, str]:
    """Does the kubelet's work: the volumes as files below `folder`. Returns the environment of the container."""
    manifests = children(wanted)
    spec = pods(manifests)[part]["spec"]
    [container] = spec["containers"]
    mounts = {mount["name"]: folder / mount["mountPath"].lstrip("/") for mount in container["volumeMounts"]}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            for file, text in _config_map(manifests, volume["configMap"]["name"])["data"].items():
                _write(mounts[volume["name"]] / file, text)
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                _write(mounts[volume["name"]] / item["path"], _value(source["secret"]["name"], item["key"]))
    return {each["name"]: each["value"].replace("/etc/", f"{folder}/etc/") for each in container["env"]}


def _config_map(manifests: list[Manifest], name: str) -> Manifest:
    [found] = [each for each in manifests if each["kind"] == "ConfigMap" and each["metadata"]["name"] == name]
    return found


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as opened:  # no two secrets in one place
        opened.write(text)


def _value(secret: str, key: str) -> str:
    value = f"value-of-{secret}-{key}"
    return f"postgresql://db/{value}" if secret == "database" else value


def loaded(part: Part, environ: Mapping[str, str]) -> Settings:
    return load_settings(None, environ, need=NEEDS[part], tolerate_unknown=True)


def read_by(part: Part, spec: WebhookCoreSpec) -> dict[str, Any]:
    """What the part's code reads of the spec."""
    router, dlq = spec.router, spec.dlq
    match part:
        case Part.ROUTER:
            return {
                "database": (spec.database.url_secret_ref, spec.database.pool_size),
                "whatsapp": spec.whatsapp,
                "router": (router.path, router.timeout_ms, router.slo, router.rate_limit),
                "routes": (spec.routes, spec.home, spec.fallback, spec.statuses, spec.others),
                "dlq": dlq.backoff_minutes,
                "sessions": spec.sessions,
            }
        case Part.DLQ_PROCESSOR:
            retry = (dlq.batch_size, dlq.concurrency, dlq.max_retries, dlq.backoff_minutes, dlq.max_run_seconds)
            return {"database": spec.database.url_secret_ref, "router": router.timeout_ms, "dlq": retry}
        case _:
            kept = (spec.cleanup.dlq_retention_days, spec.cleanup.abandoned_retention_days)
            return {"database": spec.database.url_secret_ref, "sessions": spec.sessions, "cleanup": kept}


@pytest.mark.parametrize("part", READERS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_settings(part: Part, spec: Mapping[str, Any], tmp_path: Path) -> None:
    """The part starts with what is mounted, and reads what the resource says."""
    wanted = inputs(spec)
    settings = loaded(part, laid_out(wanted, part, tmp_path))
    assert read_by(part, settings.spec) == read_by(part, wanted.spec)
    assert settings.warnings == ()
    assert settings.database_url == _value("database", "url")


def test_secrets_of_the_router(tmp_path: Path) -> None:
    """Each is where the settings look for it."""
    secrets = loaded(Part.ROUTER, laid_out(inputs(EVERYTHING), Part.ROUTER, tmp_path)).secrets
    assert secrets.app_secret == b"value-of-whatsapp-app-secret"
    assert secrets.previous_app_secret == b"value-of-whatsapp-before-app-secret"
    assert secrets.verify_token == "value-of-whatsapp-verify-token"
    assert secrets.access_token == "value-of-whatsapp-access-token"
    assert secrets.internal_secret == b"value-of-core-internal-secret"
    assert secrets.routes == {"rides": b"value-of-rides-webhook-secret", "jobs": b"value-of-whatsapp-jobs"}


@pytest.mark.parametrize("part", READERS)
def test_nothing_else_is_mounted(part: Part, tmp_path: Path) -> None:
    """A part cannot start without any of its secrets: so it has none that it could do without."""
    environ = laid_out(inputs(EVERYTHING), part, tmp_path)
    files = [file for file in Path(environ["WEBHOOKCORE_SECRETS_DIR"]).rglob("*") if file.is_file()]
    assert files
    for file in files:
        value = file.read_text(encoding="utf-8")
        file.unlink()
        with pytest.raises(SettingsError):
            loaded(part, environ)
        file.write_text(value, encoding="utf-8")


def test_where_the_routers_are(tmp_path: Path) -> None:
    """dlq-processor posts to the internal Service."""
    wanted = inputs(EVERYTHING)
    settings = loaded(Part.DLQ_PROCESSOR, laid_out(wanted, Part.DLQ_PROCESSOR, tmp_path))
    [service] = [each for each in children(wanted) if each["metadata"]["name"] == names.internal("core")]
    [port] = service["spec"]["ports"]
    assert settings.router_internal_url == f"http://core-router-internal:{port['port']}"


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    """A default that changes in core changes no ConfigMap, and so rolls nothing."""
    for part in (Part.ROUTER, Part.DLQ_PROCESSOR):
        environ = laid_out(inputs({**MINIMAL, "routes": []}), part, tmp_path / part)
        text = Path(environ["WEBHOOKCORE_CONFIG"]).read_text(encoding="utf-8")
        _, spec = text.split("spec:\n")
        assert [line.strip() for line in spec.splitlines() if line.startswith("  ") and line[2] != " "] == [
            "database:",
            "whatsapp:",
        ]
        assert "poolSize" not in text
