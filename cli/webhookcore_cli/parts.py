"""Starts the parts of Webhook Core, each as the process that a pod or the local mode runs."""

import os
from pathlib import Path

from webhookcore_cli import configuration


def router(config: Path | None, host: str, port: int, internal_port: int) -> int:
    """Serve until SIGTERM; the exit code."""
    settings = configuration.load(config, os.environ)
    from webhookcore_router import server

    return server.run(settings, port, internal_port, host=host)


def dlq_processor(config: Path | None) -> int:
    """One run over everything that is due; the exit code."""
    settings = configuration.load(config, os.environ)
    from webhookcore_workers import dlq_processor

    return dlq_processor.main(settings)


def session_cleanup(config: Path | None) -> int:
    """One run; the exit code."""
    settings = configuration.load(config, os.environ)
    from webhookcore_workers import session_cleanup

    return session_cleanup.main(settings)
