"""What is wrong with a config, told all at once; and what a valid one says."""

from pathlib import Path

import pytest
from tests.support.config import SECRETS, route, write_config

from webhookcore.settings import Need, SettingsError, read_config
from webhookcore_cli import check, configuration
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.data_folder import DataFolder
from webhookcore_cli.local.environment import Environment, needs_graph_api
from webhookcore_cli.local.examples import ExampleGraphApi
from webhookcore_cli.local.system import Options
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

ROOT = Path(__file__).parents[3]
JOBS = route("jobs", "http://127.0.0.1:9103/webhook", menu={"key": "3", "title": "Jobs"}, keywords=["job"])


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """With 78, so that no Job is tried again because of it."""
    config = write_config(tmp_path, JOBS, dlq={"batchSize": 0}, sesions={})
    with pytest.raises(TroubleError) as trouble:
        configuration.load(config, SECRETS, frozenset({Need.WHATSAPP}))
    assert trouble.value.code == EXIT_CONFIGURATION
    heading, *problems = str(trouble.value).splitlines()
    assert heading == "the configuration has 2 problems:"
    assert len(problems) == 2
    assert "sessions" in str(trouble.value)


def test_an_unknown_field_may_be_tolerated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a cluster an older image reads a newer release's config: it warns."""
    config = write_config(tmp_path, JOBS, later={})
    settings = configuration.load(config, SECRETS, frozenset(), tolerate_unknown=True)
    assert settings.spec.routes[0].name == "jobs"
    assert "warning, not heeded: " in capsys.readouterr().err


def test_no_config_at_all_is_told(tmp_path: Path) -> None:
    """By the two ways to name one; the environment's is one of them."""
    with pytest.raises(TroubleError, match="name one with --config or WEBHOOKCORE_CONFIG") as trouble:
        configuration.load(None, {}, frozenset())
    assert trouble.value.code == EXIT_CONFIGURATION
    named = {"WEBHOOKCORE_CONFIG": str(write_config(tmp_path, JOBS))}
    assert configuration.load(None, named, frozenset()).spec.routes[0].name == "jobs"


def test_the_example_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the root of the source tree, or in an installed package, unless the current folder has one."""
    monkeypatch.chdir(tmp_path)
    assert configuration.example() == ROOT / configuration.EXAMPLE
    package = tmp_path / "site-packages" / "webhookcore_cli"
    monkeypatch.setattr(configuration, "__file__", str(package / "configuration.py"))
    with pytest.raises(TroubleError, match="name one with --config"):
        configuration.example()
    (package / "examples").mkdir(parents=True)
    (package / configuration.EXAMPLE).touch()
    assert configuration.example() == package / configuration.EXAMPLE
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "webhookcoreconfig.yaml").touch()
    assert configuration.example() == Path("examples/webhookcoreconfig.yaml")


def test_a_check_tells_what_each_route_takes(tmp_path: Path) -> None:
    """Paused ones as such; JSON holds the whole spec, defaults included."""
    config = write_config(
        tmp_path, JOBS, route("rides", "http://rides.example/", statePrefixes=["trip_"], accepts=["voice"], paused=True)
    )
    spec = read_config(config)
    assert check.route_rows(spec) == [
        ("jobs", "3  Jobs", "job", "—", "—", "http://127.0.0.1:9103/webhook"),
        ("rides (paused)", "—", "—", "trip_", "voice", "http://rides.example/"),
    ]
    told = check.as_dict(spec)
    assert told["valid"] is True
    assert told["spec"]["dlq"]["batchSize"] == 50


def test_a_refusal_in_json_lists_the_problems(tmp_path: Path) -> None:
    """Each with its path, what was found and what is allowed."""
    config = write_config(tmp_path, JOBS, dlq={"batchSize": 0})
    with pytest.raises(SettingsError) as error:
        read_config(config)
    told = check.refused(error.value)
    assert told["valid"] is False
    assert [problem["path"] for problem in told["problems"]] == ["spec.dlq.batchSize"]


@pytest.mark.parametrize("given", ["environment", "file", "home route"])
def test_a_graph_api_stands_in_only_without_a_real_access_token(tmp_path: Path, given: str) -> None:
    """A token in the environment or in a file is a real one; a home route needs none."""
    home = {"home": {"route": "jobs"}} if given == "home route" else {}
    config = write_config(tmp_path, JOBS, **home)
    spec = read_config(config)
    assert needs_graph_api(config, spec, {}) is (given != "home route")
    environ = {"WA_ACCESS_TOKEN": "real"} if given == "environment" else {}
    if given == "file":
        (tmp_path / "secrets" / "whatsapp").mkdir(parents=True)
        (tmp_path / "secrets" / "whatsapp" / "access-token").write_text("real")
    assert needs_graph_api(config, spec, environ) is False


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - every address is reached by the loopback
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_listeners_are_reached_where_they_listen(host: str, expected: str) -> None:
    """By the loopback where that is one of their addresses."""
    options = Options(Path("c.yaml"), host, 8080, 9090, Path("data"), examples=True)
    assert options.public_address == expected
    assert options.internal_address == expected.replace("8080", "9090")


def test_only_missing_secrets_are_made(tmp_path: Path) -> None:
    """The environment wins, then a file beside the config, then what is kept in the data folder."""
    secret_route = route("rides", "http://127.0.0.1:9101/", secretRef={"name": "rides", "key": "secret"})
    config = write_config(tmp_path, JOBS, secret_route)
    (tmp_path / "secrets" / "whatsapp").mkdir(parents=True)
    (tmp_path / "secrets" / "whatsapp" / "verify-token").write_text("from a file")
    folder = DataFolder.open(tmp_path / "data")
    spec = read_config(config)
    environ = {"WA_APP_SECRET": "from-the-environment", "WA_ACCESS_TOKEN": "real"}
    environment = Environment.prepare(config, spec, environ, folder, None)
    folder.close()
    assert environment.made == ("WEBHOOKCORE_INTERNAL_SECRET", "WEBHOOKCORE_SECRET_RIDES_SECRET")
    assert environment.variables["WA_APP_SECRET"] == "from-the-environment"
    assert "WA_VERIFY_TOKEN" not in environment.variables
    settings = configuration.load(environment.config, {**environment.variables, "DATABASE_URL": "postgresql:///x"})
    assert settings.secrets.verify_token == "from a file"
    assert settings.secrets.routes.keys() == {"rides"}


def test_the_parts_read_what_was_checked(tmp_path: Path) -> None:
    """Word for word, whatever another reader of YAML would make of it (1:30 is 90 to some, and a date no text); of the
    Graph API, the stand-in.
    """
    config = tmp_path / "config.yaml"
    config.write_text(CLOCK_WORDS)
    spec = read_config(config)
    folder = DataFolder.open(tmp_path / "data")
    config.unlink()
    environment = Environment.prepare(config, spec, {}, folder, ExampleGraphApi(Console(), port=8123))
    folder.close()
    copy = read_config(environment.config)
    assert copy.routes[0].keywords == ("1:30", "2025-11-24", "on")
    assert copy.whatsapp.graph_api_url == "http://127.0.0.1:8123/v23.0"
    assert copy.model_copy(update={"whatsapp": spec.whatsapp}) == spec
    assert environment.config.stat().st_mode & 0o777 == 0o600


CLOCK_WORDS = """\
apiVersion: webhookcore.io/v1alpha1
kind: WebhookCoreConfig
metadata: {name: clock}
spec:
  whatsapp:
    appSecretRef: {name: whatsapp, key: app-secret}
    verifyTokenRef: {name: whatsapp, key: verify-token}
    accessTokenRef: {name: whatsapp, key: access-token}
  routes:
    - {name: clock, url: "http://127.0.0.1:9/", keywords: [1:30, 2025-11-24, "on"]}
"""
