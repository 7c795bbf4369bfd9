"""Which system a command speaks to: what runs in the data folder, unless --config or the environment names another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhookcore.settings import Need, Settings
from webhookcore_cli import configuration
from webhookcore_cli.local import made_secrets
from webhookcore_cli.local.data_folder import SECRETS, Running
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

DEFAULT_URL: Final = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where notifications go and what signs them."""

    url: str
    app_secret: bytes = field(repr=False)


def settings_of(
    config: Path | None, data_dir: Path, environ: Mapping[str, str], *need: Need, tolerate_unknown: bool = False
) -> Settings:
    """The settings of the system that is meant. TroubleError where none is named and none runs."""
    running = _running(config, data_dir)
    if running is None and config is not None:
        return configuration.load(config, environ, frozenset(need), tolerate_unknown=tolerate_unknown)
    if running is None:
        raise TroubleError(
            f"no system is named and none runs in {data_dir}. Start one with `webhookcore run`, or name its config "
            "with --config (or WEBHOOKCORE_CONFIG) and its database with DATABASE_URL.",
            EXIT_CONFIGURATION,
        )
    made = made_secrets.read(data_dir / SECRETS)
    return configuration.load(
        Path(running.config),
        {
            "DATABASE_URL": running.database_url,
            "WEBHOOKCORE_ROUTER_INTERNAL_URL": running.internal_url,
            **{name: made[name] for name in running.made if name in made},
            **environ,
            "WEBHOOKCORE_SECRETS_DIR": running.secrets_dir,
        },
        frozenset(need),
    )


def database_url(config: Path | None, data_dir: Path, environ: Mapping[str, str]) -> str:
    """The database of the system that is meant; DATABASE_URL is enough."""
    url = environ.get("DATABASE_URL") or settings_of(config, data_dir, environ, Need.DATABASE).database_url
    if not url:
        raise TroubleError("no database is named: set DATABASE_URL.", EXIT_CONFIGURATION)
    return url


def has_schedules(config: Path | None, data_dir: Path, environ: Mapping[str, str]) -> bool:
    """Whether the config says when jobs run: a pod's has what its part reads, and CronJobs have the schedules."""
    return "KUBERNETES_SERVICE_HOST" not in environ or _running(config, data_dir) is not None


def receiver(url: str | None, config: Path | None, data_dir: Path, environ: Mapping[str, str]) -> Receiver:
    """Where to post; WA_APP_SECRET and --url are enough."""
    running = _running(config, data_dir)
    if running is None and config is None and environ.get("WA_APP_SECRET"):
        # No config to tell the path: the one that every router has unless its config says otherwise.
        return Receiver(url or f"{DEFAULT_URL}/wa-webhook-core", environ["WA_APP_SECRET"].encode())
    settings = settings_of(config, data_dir, environ, Need.APP_SECRET)
    base = running.url if running else f"{DEFAULT_URL}{settings.spec.router.path}"
    return Receiver(url or base, settings.secrets.app_secret)


def _running(config: Path | None, data_dir: Path) -> Running | None:
    """What runs in the data folder, where no other config is named than the one that it was started with."""
    try:
        running = Running.read(data_dir)
    except TroubleError:
        if config is None:
            raise
        return None  # the config says which system is meant: what else may run here is no matter
    is_meant = running is not None and (config is None or config.resolve() == Path(running.source))
    return running if is_meant else None
