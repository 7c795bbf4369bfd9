"""Loading: the file, the environment's overrides and the secrets, all checked together."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.settings.configs import REMOVED, changed, text_of

from webhookcore.settings import (
    DLQ_PROCESSOR_NEEDS,
    ROUTER_NEEDS,
    SESSION_CLEANUP_NEEDS,
    Need,
    Secrets,
    Settings,
    SettingsError,
    load_settings,
)
from webhookcore.settings.environment import OVERRIDES, overrides
from webhookcore.settings.finder import MAX_BYTES

ENVIRON = {
    "WA_APP_SECRET": "app-secret",
    "WA_VERIFY_TOKEN": "verify",
    "WA_ACCESS_TOKEN": "access",
    "WEBHOOKCORE_INTERNAL_SECRET": "internal-secret",
    "DATABASE_URL": "postgresql://db/x",
}


def _file(folder: Path, changes: dict[str, Any] | None = None) -> Path:
    path = folder / "config.yaml"
    path.write_text(text_of(changed(changes or {})), encoding="utf-8")
    return path


def _secret(folder: Path, name: str, key: str, value: bytes) -> None:
    (folder / "secrets" / name).mkdir(parents=True, exist_ok=True)
    (folder / "secrets" / name / key).write_bytes(value)


def _load(folder: Path, changes: dict[str, Any] | None = None, **environ: str) -> Settings:
    return load_settings(_file(folder, changes), {**ENVIRON, **environ})


def _refused(path: Path | None, environ: dict[str, str], need: frozenset[Need] = ROUTER_NEEDS) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ, need=need)
    return [f"{problem.path}: {problem.found}; {problem.allowed}" for problem in caught.value.problems]


def test_everything_from_the_environment(tmp_path: Path) -> None:
    """The variables of the design are enough, without any file beside the config."""
    settings = _load(tmp_path, WA_APP_SECRET_PREVIOUS="previous")
    assert settings.secrets == Secrets(
        app_secret=b"app-secret",
        previous_app_secret=b"previous",
        verify_token="verify",
        access_token="access",
        internal_secret=b"internal-secret",
        routes={},
    )
    assert settings.database_url == "postgresql://db/x"
    assert settings.router_internal_url == "http://127.0.0.1:9090"
    assert settings.spec.router.timeout_ms == 4000
    assert settings.warnings == ()


def test_everything_from_files(tmp_path: Path) -> None:
    """Files named after Secret and key, beside the config, are enough; line ends behind them are not part of them."""
    _secret(tmp_path, "whatsapp", "app-secret", b"app-secret\n")
    _secret(tmp_path, "whatsapp", "old", b"previous\r\n")
    _secret(tmp_path, "whatsapp", "verify-token", b" verify\n\n")
    _secret(tmp_path, "whatsapp", "access-token", b"access")
    _secret(tmp_path, "internal", "secret", b"\x00\xff internal")
    _secret(tmp_path, "jobs", "hook", b"\xfe\xed")
    _secret(tmp_path, "db", "url", b"postgresql://db/y\n")
    changes = {
        "spec.whatsapp.previousAppSecretRef": {"name": "whatsapp", "key": "old"},
        "spec.routes.1.secretRef": {"name": "jobs", "key": "hook"},
        "spec.database": {"urlSecretRef": {"name": "db", "key": "url"}},
    }
    settings = load_settings(None, {"WEBHOOKCORE_CONFIG": str(_file(tmp_path, changes))})
    assert settings.secrets == Secrets(
        app_secret=b"app-secret",
        previous_app_secret=b"previous",
        verify_token=" verify",
        access_token="access",
        internal_secret=b"\x00\xff internal",
        routes={"jobs": b"\xfe\xed"},
    )
    assert settings.database_url == "postgresql://db/y"


def test_a_databases_url_that_is_none(tmp_path: Path) -> None:
    """It is not quoted: what makes it none is mostly a password."""
    (refused,) = _refused(_file(tmp_path), {**ENVIRON, "DATABASE_URL": "postgresql://u:hush/hush@db/x"})
    assert refused.startswith("spec.database.urlSecretRef: no URL of a database; must be postgresql://USER:PASSWORD@")
    assert "hush" not in refused


def test_the_environment_comes_first(tmp_path: Path) -> None:
    """A variable wins over a file, for a route's own secret too."""
    _secret(tmp_path, "whatsapp", "app-secret", b"of-the-file")
    _secret(tmp_path, "jobs.v2", "hook-1", b"of-the-file")
    changes = {"spec.routes.1.secretRef": {"name": "jobs.v2", "key": "hook-1"}}
    settings = _load(tmp_path, changes, WEBHOOKCORE_SECRET_JOBS_V2_HOOK_1="of-the-environment")
    assert settings.secrets.app_secret == b"app-secret"
    assert settings.secrets.routes == {"jobs": b"of-the-environment"}
    assert _load(tmp_path, changes).secrets.routes == {"jobs": b"of-the-file"}


def test_secrets_directory(tmp_path: Path) -> None:
    """WEBHOOKCORE_SECRETS_DIR names another folder."""
    _secret(tmp_path / "elsewhere", "whatsapp", "app-secret", b"of-the-file")
    environ = {**ENVIRON, "WEBHOOKCORE_SECRETS_DIR": str(tmp_path / "elsewhere/secrets")}
    del environ["WA_APP_SECRET"]
    assert load_settings(_file(tmp_path), environ).secrets.app_secret == b"of-the-file"


def test_what_is_missing_says_where_was_looked(tmp_path: Path) -> None:
    """Every secret that is needed and not there is told at once, with its variable and its file."""
    secrets = tmp_path / "secrets"
    changes = {
        "spec.whatsapp.previousAppSecretRef": {"name": "whatsapp", "key": "old"},
        "spec.routes.1.secretRef": {"name": "jobs", "key": "hook"},
    }
    assert _refused(_file(tmp_path, changes), {}) == [
        f"{path}: nothing in ${variable} and no file {secrets}/{file}; must be in one of them"
        for path, variable, file in (
            ("spec.whatsapp.appSecretRef", "WA_APP_SECRET", "whatsapp/app-secret"),
            ("spec.whatsapp.previousAppSecretRef", "WA_APP_SECRET_PREVIOUS", "whatsapp/old"),
            ("spec.whatsapp.verifyTokenRef", "WA_VERIFY_TOKEN", "whatsapp/verify-token"),
            ("spec.whatsapp.accessTokenRef", "WA_ACCESS_TOKEN", "whatsapp/access-token"),
            ("$WEBHOOKCORE_INTERNAL_SECRET", "WEBHOOKCORE_INTERNAL_SECRET", "internal/secret"),
            ("spec.routes[1].secretRef", "WEBHOOKCORE_SECRET_JOBS_HOOK", "jobs/hook"),
        )
    ] + ["$DATABASE_URL: nothing; must be set"]


def test_each_part_has_its_needs(tmp_path: Path) -> None:
    """The jobs start without WhatsApp's secrets, and are not given them; `check` needs none at all."""
    path = _file(tmp_path, {"spec.database": {"urlSecretRef": {"name": "db", "key": "url"}}})
    cleanup = load_settings(path, {"DATABASE_URL": "host=x"}, need=SESSION_CLEANUP_NEEDS)
    assert (cleanup.secrets, cleanup.database_url) == (Secrets(), "host=x")
    processor = load_settings(path, ENVIRON, need=DLQ_PROCESSOR_NEEDS)
    assert processor.secrets == Secrets(internal_secret=b"internal-secret")
    assert load_settings(path, {}, need=frozenset()).database_url is None
    assert len(_refused(path, {}, SESSION_CLEANUP_NEEDS)) == 1
    assert len(_refused(path, {}, DLQ_PROCESSOR_NEEDS)) == 2


TOO_SHORT = "must have at least 8 bytes"
BAD_SECRETS = [
    ("WA_APP_SECRET", "", "an empty secret in $WA_APP_SECRET", "must not be empty"),
    ("WA_APP_SECRET", "\n", "an empty secret in $WA_APP_SECRET", "must not be empty"),
    ("WA_APP_SECRET", "1234567", "a secret that is too short in $WA_APP_SECRET", TOO_SHORT),
    ("WA_APP_SECRET", "x" * (MAX_BYTES + 1), "a secret that is too long in $WA_APP_SECRET", f"{MAX_BYTES} bytes"),
    ("WA_APP_SECRET_PREVIOUS", "1", "a secret that is too short in $WA_APP_SECRET_PREVIOUS", TOO_SHORT),
    ("WA_VERIFY_TOKEN", "", "an empty secret in $WA_VERIFY_TOKEN", "must not be empty"),
    ("WA_VERIFY_TOKEN", "\udcff", "bytes that are no UTF-8", "must be text"),
    ("WA_ACCESS_TOKEN", "a b", "a token with blanks or other odd characters", "must be visible ASCII"),
    ("WEBHOOKCORE_INTERNAL_SECRET", "x", "a secret that is too short in $WEBHOOKCORE_INTERNAL_SECRET", TOO_SHORT),
    ("DATABASE_URL", "", "an empty secret in $DATABASE_URL", "must not be empty"),
]


@pytest.mark.parametrize(("variable", "value", "found", "allowed"), BAD_SECRETS)
def test_secrets_that_are_refused(tmp_path: Path, variable: str, value: str, found: str, allowed: str) -> None:
    """An empty secret, a short one, or what cannot be sent is refused; nothing falls back to a file then."""
    _secret(tmp_path, "whatsapp", "app-secret", b"of-the-file")
    (refused,) = _refused(_file(tmp_path), {**ENVIRON, variable: value})
    assert found in refused
    assert refused.endswith(allowed)


def test_files_that_are_refused(tmp_path: Path) -> None:
    """An empty file, a folder in its place, a file in the folder's place."""
    environ = {**ENVIRON}
    del environ["WA_APP_SECRET"]
    path = _file(tmp_path)
    _secret(tmp_path, "whatsapp", "app-secret", b"\n")
    (refused,) = _refused(path, environ)
    assert refused.endswith("secrets/whatsapp/app-secret; must not be empty")
    (tmp_path / "secrets/whatsapp/app-secret").unlink()
    (tmp_path / "secrets/whatsapp/app-secret").mkdir()
    (refused,) = _refused(path, environ)
    assert refused.endswith("cannot be read (Is a directory); must be readable")
    (tmp_path / "secrets/whatsapp/app-secret").rmdir()
    (tmp_path / "secrets/whatsapp").rmdir()
    (tmp_path / "secrets/whatsapp").write_text("x")
    (refused,) = _refused(path, environ)
    assert refused.endswith("must be in one of them")


def test_a_bearer_token_fits_a_header(tmp_path: Path) -> None:
    """A route's secret that is sent as a token is visible ASCII; one that signs may be any bytes."""
    ref = {"name": "jobs", "key": "hook", "use": "Bearer"}
    changes = {"spec.routes.1.secretRef": ref}
    assert _load(tmp_path, changes, WEBHOOKCORE_SECRET_JOBS_HOOK="ok").secrets.routes == {"jobs": b"ok"}
    (refused,) = _refused(_file(tmp_path, changes), {**ENVIRON, "WEBHOOKCORE_SECRET_JOBS_HOOK": "a\tb"})
    assert refused.startswith("spec.routes[1].secretRef: a token with blanks")
    assert "a\tb" not in refused


def test_secrets_that_nothing_needs_are_not_required(tmp_path: Path) -> None:
    """Without a reference there need not be an access token; one in the environment is taken."""
    changes = {"spec.whatsapp.accessTokenRef": REMOVED, "spec.home": {"route": "jobs"}}
    environ = {**ENVIRON}
    assert load_settings(_file(tmp_path, changes), environ).secrets.access_token == "access"
    del environ["WA_ACCESS_TOKEN"]
    assert load_settings(_file(tmp_path, changes), environ).secrets.access_token is None


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    """Neither the secrets nor the settings show them."""
    names = [*ENVIRON, "WA_APP_SECRET_PREVIOUS", "WEBHOOKCORE_SECRET_JOBS_HOOK"]
    changes = {"spec.routes.1.secretRef": {"name": "jobs", "key": "hook"}}
    values = {**dict.fromkeys(names, "hunter2-hunter2"), "DATABASE_URL": "postgresql://hunter2:hunter2@db/x"}
    settings = _load(tmp_path, changes, **values)
    assert settings.secrets.routes == {"jobs": b"hunter2-hunter2"}
    for shown in (repr(settings.secrets), str(settings.secrets), repr(settings), str(settings)):
        assert "hunter2" not in shown


def test_overrides(tmp_path: Path) -> None:
    """Each variable overrides its field, whatever the file says, and nothing else."""
    before = _load(tmp_path, {"spec.sessions": {"ttlHours": 2}}).spec
    spec = _load(
        tmp_path,
        {"spec.sessions": {"ttlHours": 2}},
        SESSION_TTL_HOURS="48",
        WA_ROUTER_TIMEOUT_MS="5000",
        WA_CORE_COLD_START_SLO_MS="1",
        WA_CORE_P95_SLO_MS="600000",
    ).spec
    assert before.sessions.ttl_hours == 2
    assert spec.sessions.ttl_hours == 48
    assert (spec.router.timeout_ms, spec.router.slo.cold_start_ms, spec.router.slo.p95_ms) == (5000, 1, 600_000)
    assert (spec.routes, spec.router.rate_limit, spec.dlq) == (before.routes, before.router.rate_limit, before.dlq)


@pytest.mark.parametrize("value", ["", "0", "8761", "-1", "1.5", "24h", " 24", "٢٤", "9" * 5000])
def test_overrides_obey_the_bounds(tmp_path: Path, value: str) -> None:
    """A variable has the bounds of its field, and is a plain number."""
    (refused,) = _refused(_file(tmp_path), {**ENVIRON, "SESSION_TTL_HOURS": value})
    assert refused.startswith("$SESSION_TTL_HOURS: ")
    assert refused.endswith("; must be an integer: 1 to 8760")
    assert len(refused) < 200


@given(st.dictionaries(st.sampled_from(sorted(OVERRIDES)), st.text(max_size=12) | st.integers(0, 10**6).map(str)))
def test_any_override_is_taken_or_refused(environ: dict[str, str]) -> None:
    """Each variable that is set is either applied as it stands or a problem."""
    numbers, problems = overrides(environ)
    assert len(numbers) + len(problems) == len(environ)
    for place, number in numbers.items():
        (variable,) = [name for name, field in OVERRIDES.items() if field == place]
        assert int(environ[variable]) == number


def test_router_internal_url(tmp_path: Path) -> None:
    """Any http URL, without a slash at its end; anything else is refused without showing a password."""
    url = "WEBHOOKCORE_ROUTER_INTERNAL_URL"
    assert (
        load_settings(_file(tmp_path), {**ENVIRON, url: "http://core:9090/"}).router_internal_url == "http://core:9090"
    )
    for wrong in ("", "9090", "localhost:9090", "file:///x", "http://u:hunter2@x/", "http://169.254.169.254/"):
        (refused,) = _refused(_file(tmp_path), {**ENVIRON, url: wrong})
        assert refused.startswith(f"${url}: ")
        assert "hunter2" not in refused


def test_all_that_is_wrong_comes_together(tmp_path: Path) -> None:
    """File, environment and secrets are told at once."""
    path = _file(tmp_path, {"spec.fallback": "nobody", "spec.whatsapp.verifyTokenRef": 3, "spec.dlq": {"batchSize": 0}})
    environ = {"WA_ROUTER_TIMEOUT_MS": "1", "WEBHOOKCORE_ROUTER_INTERNAL_URL": "x", "WA_VERIFY_TOKEN": ""}
    assert [refused.partition(": ")[0] for refused in _refused(path, environ)] == [
        "spec.whatsapp.verifyTokenRef",
        "spec.fallback",
        "spec.dlq.batchSize",
        "$WA_ROUTER_TIMEOUT_MS",
        "$WEBHOOKCORE_ROUTER_INTERNAL_URL",
        "spec.whatsapp.appSecretRef",
        "spec.whatsapp.verifyTokenRef",
        "spec.whatsapp.accessTokenRef",
        "$WEBHOOKCORE_INTERNAL_SECRET",
        "$DATABASE_URL",
    ]


def test_a_reference_that_is_wrong_is_told_once(tmp_path: Path) -> None:
    """Nothing is looked up for a reference that could not be read."""
    path = _file(tmp_path, {"spec.database": {"urlSecretRef": "x"}, "spec.whatsapp.appSecretRef": {"name": "x"}})
    environ = {key: value for key, value in ENVIRON.items() if key not in ("DATABASE_URL", "WA_APP_SECRET")}
    assert [refused.partition(": ")[0] for refused in _refused(path, environ)] == [
        "spec.whatsapp.appSecretRef.key",
        "spec.database.urlSecretRef",
    ]


def test_no_config(tmp_path: Path) -> None:
    """No file named, one that is not there, a folder, bytes that are no text, nothing in it: each says so."""
    assert _refused(None, {"SESSION_TTL_HOURS": "x"}) == [
        "$WEBHOOKCORE_CONFIG: nothing; must name a file with a WebhookCoreConfig",
        '$SESSION_TTL_HOURS: "x"; must be an integer: 1 to 8760',
    ]
    assert _refused(None, {"WEBHOOKCORE_CONFIG": ""})[0].startswith("$WEBHOOKCORE_CONFIG: nothing")
    with pytest.raises(SettingsError, match=r"missing.yaml: found a file that cannot be read \(No such file"):
        load_settings(tmp_path / "missing.yaml", ENVIRON)
    with pytest.raises(SettingsError, match=r"Is a directory"):
        load_settings(tmp_path, ENVIRON)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(SettingsError, match=r"latin.yaml: found a file that is no UTF-8"):
        load_settings(tmp_path / "latin.yaml", ENVIRON)
    (tmp_path / "list.yaml").write_text("[]")
    with pytest.raises(SettingsError, match=r"list.yaml:1: found a list of 0; must be a mapping"):
        load_settings(tmp_path / "list.yaml", ENVIRON)
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match=r"bad.yaml:2:1: found what is no YAML"):
        load_settings(tmp_path / "bad.yaml", ENVIRON)


def test_unknown_fields_warn_where_they_are_tolerated(tmp_path: Path) -> None:
    """An older image in a cluster starts, and says what it does not heed."""
    path = _file(tmp_path, {"spec.future": {"x": 1}})
    assert _refused(path, ENVIRON)[0].startswith("spec.future: an unknown field")
    settings = load_settings(path, ENVIRON, tolerate_unknown=True)
    assert [warning.path for warning in settings.warnings] == ["spec.future"]


def test_the_processes_own_environment_is_a_mapping_too(tmp_path: Path) -> None:
    """os.environ can be given as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRON.items():
            patch.setenv(name, value)
        assert load_settings(_file(tmp_path), os.environ).secrets.verify_token == "verify"
