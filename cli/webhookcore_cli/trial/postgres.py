"""The embedded Postgres in the foreground, for other pods: over the network, with a password, until SIGTERM."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from webhookcore_cli.local.data_folder import DataFolder
from webhookcore_cli.local.postgres import USER, EmbeddedPostgres
from webhookcore_cli.local.postgres_files import PostgresTroubleError
from webhookcore_cli.local.router_events import Tail
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

NAME: Final = "webhookcore"
"""Of the role that others connect as, and of its database."""
PASSWORD: Final = "POSTGRES_PASSWORD"  # noqa: S105 - a variable's name

# The socket's folder is this process's own.
CLIENTS: Final = "local all all trust\nhost all all all scram-sha-256\n"

# psql reads the password from its environment: arguments can be seen by every process.
ROLE_AND_DATABASE: Final = rf"""
\getenv password {PASSWORD}
SELECT 'CREATE ROLE {NAME} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{NAME}') \gexec
ALTER ROLE {NAME} PASSWORD :'password';
SELECT 'CREATE DATABASE {NAME} OWNER {NAME}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{NAME}') \gexec
"""  # noqa: S608 - constants
LOOK_SECONDS: Final = 0.2
LOG_BYTES: Final = 10 * 1024 * 1024


def serve(data_dir: Path, port: int, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. The role's password is that of the environment, at each start.

    PostgresTroubleError for what cannot be started or ends by itself.
    """
    password = environ.get(PASSWORD, "")
    if not password:
        raise TroubleError(f"no password is named: set {PASSWORD}.", EXIT_CONFIGURATION)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    folder = DataFolder.open(data_dir)
    log = folder.logs / "postgres.log"
    said = Tail(log)
    settings = {"listen_addresses": "*", "port": str(port)}
    server = EmbeddedPostgres(folder.postgres, log, settings=settings, clients=CLIENTS)
    try:
        if folder.postgres.exists():
            # Kubernetes lets the pod's group into a volume, all the way down. Postgres refuses such a folder.
            folder.postgres.chmod(0o700)
        server.start()
        _make_role_and_database(server, port, password)
        sys.stderr.write(f"webhookcore: the role {NAME} can connect on port {port}\n")
        while not stopping.wait(LOOK_SECONDS):
            pass_on(said, log)
            if server.process is not None and (code := server.process.poll()) is not None:
                raise PostgresTroubleError(f"Postgres ended by itself (exit code {code})")
    finally:
        server.close()
        pass_on(said, log)
        folder.close()


def _make_role_and_database(server: EmbeddedPostgres, port: int, password: str) -> None:
    made = subprocess.run(  # noqa: S603 - our own program, no shell
        [
            *(server.psql, "--no-psqlrc", "--quiet", "--tuples-only", "--set", "ON_ERROR_STOP=1"),
            *("--host", str(server.socket_dir), "--port", str(port), "--username", USER, "--dbname", "postgres"),
        ],
        input=ROLE_AND_DATABASE,
        env={PASSWORD: password},
        capture_output=True,
        text=True,
        check=False,
        # Ctrl-C belongs to the parent.
        start_new_session=True,
    )
    if made.returncode != 0:
        raise PostgresTroubleError(f"the role {NAME} could not be made: {made.stderr.strip()}")


def pass_on(said: Tail, log: Path) -> None:
    """What the server says is what this process says. The file is only on the way there and never grows long."""
    for line in said.look():
        sys.stderr.write(line.decode(errors="replace") + "\n")
    sys.stderr.flush()
    if log.exists() and log.stat().st_size > LOG_BYTES:
        os.truncate(log, 0)
