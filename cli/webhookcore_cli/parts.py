"""Starts the parts of Webhook Core, each as the process that a pod or the local mode runs."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from webhookcore.settings import DLQ_PROCESSOR_NEEDS, ROUTER_NEEDS, SESSION_CLEANUP_NEEDS, Need
from webhookcore_cli import configuration, which_system
from webhookcore_cli.trouble import EXIT_CONFIGURATION, EXIT_FAILED, TroubleError

_T = TypeVar("_T")

PART: Final = "WEBHOOKCORE_PART"
"""The variable that tells in a pod whose it is."""
_MIGRATE_NEEDS: Final = frozenset({Need.DATABASE})
_RUN_NEEDS: Final[frozenset[Need]] = frozenset()
"""The local mode makes what is missing."""


def run(config: Path | None, host: str, port: int, internal_port: int, data_dir: Path, *, examples: bool) -> None:
    """The local mode, until Ctrl-C."""
    config = config or configuration.example()
    settings = configuration.load(config, os.environ, _RUN_NEEDS)
    from webhookcore_cli.local import run as local
    from webhookcore_cli.local.console import Console
    from webhookcore_cli.local.system import Options

    options = Options(config, host, port, internal_port, data_dir, examples, settings.database_url)
    asyncio.run(local.run(options, settings.spec, os.environ, Console()))


def router(
    config: Path | None, host: str, port: int, internal_port: int, *, drain_seconds: float, tolerate_unknown: bool
) -> int:
    """Serve until SIGTERM; the exit code."""
    settings = configuration.load(config, os.environ, ROUTER_NEEDS, tolerate_unknown=tolerate_unknown)
    from webhookcore.store.url import UrlError
    from webhookcore_router import server
    from webhookcore_router.limits import Limits

    _log_to_stderr()  # stdout is the events'
    try:
        return server.run(settings, port, internal_port, host=host, limits=Limits(drain_serve_seconds=drain_seconds))
    except UrlError as error:
        raise TroubleError(f"{error}.", EXIT_CONFIGURATION) from None
    except server.PortTakenError as error:
        raise TroubleError(f"{error}. Choose other ports with --port and --internal-port.") from None


def dlq_processor(config: Path | None, data_dir: Path, *, tolerate_unknown: bool) -> int:
    """One run over everything that is due; the exit code."""
    _at_home("dlq-processor")
    settings = which_system.settings_of(
        config, data_dir, os.environ, *DLQ_PROCESSOR_NEEDS, tolerate_unknown=tolerate_unknown
    )
    from webhookcore_workers.dlq_processor import main

    return main(settings)


def session_cleanup(config: Path | None, data_dir: Path, *, tolerate_unknown: bool) -> int:
    """One run; the exit code."""
    _at_home("session-cleanup")
    settings = which_system.settings_of(
        config, data_dir, os.environ, *SESSION_CLEANUP_NEEDS, tolerate_unknown=tolerate_unknown
    )
    from webhookcore_workers.session_cleanup import main

    return main(settings)


def _at_home(job: str) -> None:
    """TroubleError in a pod of another part: its config has what that part reads, and defaults where the job's own
    settings would be, by which it would delete or abandon what is to be kept.
    """
    part = os.environ.get(PART, job)
    if part != job:
        raise TroubleError(
            f"this is a pod of {part}, which has other settings than {job}. "
            f"Run it by: kubectl create job --from=cronjob/{job} NAME",
            EXIT_CONFIGURATION,
        )


def migrate(config: Path | None) -> int:
    """Bring the database to this release's schema; the exit code. DATABASE_URL is enough, no config is needed."""
    url = os.environ.get("DATABASE_URL")
    if not url and config is None:
        raise TroubleError("no database is named: set DATABASE_URL, or name a config.", EXIT_CONFIGURATION)
    url = url or configuration.load(config, os.environ, _MIGRATE_NEEDS).database_url
    from webhookcore_workers.migrate import main

    return main(url)


def operator() -> int:
    """Bring each WebhookCoreConfig of the cluster to what it says, until SIGTERM; the exit code."""
    try:
        from webhookcore_operator.api import NoClusterError
        from webhookcore_operator.operate import MisconfiguredError, Options, operate
        from webhookcore_operator.serve import PortTakenError
    except ModuleNotFoundError as error:
        words = f"the package {error.name} is not installed: pip install 'webhookcore[operator]'."
        raise TroubleError(words, EXIT_CONFIGURATION) from None
    _log_to_stderr()
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of each event of each watch
    try:
        return asyncio.run(operate(Options.of(os.environ)))
    except (MisconfiguredError, NoClusterError) as error:
        raise TroubleError(f"{error}.", EXIT_CONFIGURATION) from None
    except PortTakenError as error:
        raise TroubleError(f"{error}. Choose another one with WEBHOOKCORE_OPERATOR_PORT.") from None


def _log_to_stderr() -> None:
    """For whoever reads a pod's log."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def postgres(data_dir: Path, port: int) -> None:
    """The embedded Postgres for other pods, until SIGTERM."""
    from webhookcore_cli.trial import postgres as trial

    trial.serve(data_dir, port, os.environ)


def example_services(names: Sequence[str], port: int) -> None:
    """Example services for other pods, until SIGTERM."""
    from webhookcore_cli.local.console import Console
    from webhookcore_cli.trial import services as trial

    asyncio.run(trial.serve(names, port, Console()))


def apply_config(config_map: str, namespace: str, *, owned: bool, wait_seconds: float) -> str:
    """Make or bring up to date the resource that a ConfigMap holds; its name."""
    from webhookcore_operator.hooks.apply_config import apply_config

    return _hook(apply_config(config_map, namespace, owned=owned, seconds=wait_seconds))


def check_install(operator_url: str, wait_seconds: float) -> None:
    """Look whether an operator is ready and the resource is served."""
    from webhookcore_operator.hooks.check_install import check_install

    _hook(check_install(operator_url, wait_seconds))


def _hook(work: Coroutine[Any, Any, _T]) -> _T:
    from webhookcore_operator.hooks.trouble import HookError

    try:
        return asyncio.run(work)
    except HookError as error:
        raise TroubleError(str(error), EXIT_CONFIGURATION if error.final else EXIT_FAILED) from None
