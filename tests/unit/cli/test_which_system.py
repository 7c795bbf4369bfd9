"""Which system a command speaks to."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.config import SECRETS, route, write_config

from webhookcore.settings import DLQ_PROCESSOR_NEEDS
from webhookcore_cli import which_system
from webhookcore_cli.local.data_folder import DataFolder, Running
from webhookcore_cli.trouble import TroubleError

RUNNING = Running(
    pid=1,
    url="http://127.0.0.1:8090/elsewhere",
    internal_url="http://127.0.0.1:9099",
    database_url="postgresql:///of-the-run",
    source="",
    config="",
    made=("WEBHOOKCORE_INTERNAL_SECRET", "WA_APP_SECRET"),
    secrets_dir="/nowhere",
    socket_dir="",
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, route("jobs", "http://127.0.0.1:9/"))


@pytest.fixture
def data(tmp_path: Path, config: Path) -> Path:
    """The data folder of a run that was started with `config`."""
    folder = DataFolder.open(tmp_path / "data")
    copy = write_config(folder.path, route("jobs-of-the-run", "http://127.0.0.1:9/"), name="config.yaml")
    folder.secrets.write_text("WEBHOOKCORE_INTERNAL_SECRET=internal-of-the-run\nWA_APP_SECRET=app-of-the-run\n")
    folder.tell(replace(RUNNING, source=str(config), config=str(copy)))
    return folder.path


@pytest.mark.parametrize("named", [False, True])
def test_the_run_of_the_data_folder_is_meant(config: Path, data: Path, *, named: bool) -> None:
    """With all that a job needs of it: named by its own config, or not named at all."""
    settings = which_system.settings_of(config if named else None, data, {}, *DLQ_PROCESSOR_NEEDS)
    assert settings.spec.routes[0].name == "jobs-of-the-run"
    assert settings.database_url == "postgresql:///of-the-run"
    assert settings.router_internal_url == "http://127.0.0.1:9099"
    assert settings.secrets.internal_secret == b"internal-of-the-run"
    receiver = which_system.receiver(None, config if named else None, data, {})
    assert (receiver.url, receiver.app_secret) == ("http://127.0.0.1:8090/elsewhere", b"app-of-the-run")


def test_what_the_environment_says_comes_first(data: Path) -> None:
    """As it does for the run itself."""
    environ = {**SECRETS, "DATABASE_URL": "postgresql:///mine", "WEBHOOKCORE_ROUTER_INTERNAL_URL": "http://r:1/"}
    settings = which_system.settings_of(None, data, environ, *DLQ_PROCESSOR_NEEDS)
    assert (settings.database_url, settings.router_internal_url) == ("postgresql:///mine", "http://r:1")
    assert settings.secrets.internal_secret == SECRETS["WEBHOOKCORE_INTERNAL_SECRET"].encode()
    assert which_system.database_url(None, data, environ) == "postgresql:///mine"


def test_another_config_means_another_system(tmp_path: Path, data: Path) -> None:
    """Whatever runs here, and even where nobody can read what does."""
    other = write_config(tmp_path, route("others", "http://127.0.0.1:9/"), name="other.yaml", router={"path": "/wa"})
    environ = {**SECRETS, "DATABASE_URL": "postgresql:///others"}
    for _ in range(2):
        assert which_system.settings_of(other, data, environ).spec.routes[0].name == "others"
        assert which_system.receiver(None, other, data, environ).url == "http://127.0.0.1:8080/wa"
        (data / "running.json").write_text("no notice")
    with pytest.raises(TroubleError, match=r"running\.json cannot be read"):
        which_system.settings_of(None, data, environ)


def test_secrets_are_in_no_repr(data: Path) -> None:
    """Of what holds them on their way."""
    running = Running.read(data)
    assert "postgresql:" not in repr(running)
    assert "app-of-the-run" not in repr(which_system.receiver(None, None, data, {}))
