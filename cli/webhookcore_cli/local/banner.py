"""What the local mode says once all is up: where it listens, where things are, and what to type next."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import webhookcore
from webhookcore_cli.local.data_folder import DEFAULT, DataFolder, Running
from webhookcore_cli.local.environment import Environment
from webhookcore_cli.local.examples import ExampleGraphApi, ExampleServices
from webhookcore_cli.local.postgres import EmbeddedPostgres


def text(
    running: Running,
    folder: DataFolder,
    environment: Environment,
    *,
    services: Sequence[ExampleServices],
    graph: ExampleGraphApi | None,
    jobs: Mapping[str, datetime | None],
    postgres: EmbeddedPostgres | None,
) -> str:
    """Lines for a person at a terminal."""
    home = _shown(folder.path)
    facts = [("WhatsApp webhook", f"{running.url}  (for Meta, through a tunnel: see README)")]
    facts += [("internal listener", f"{running.internal_url}  (/metrics, /livez, /readyz)")]
    if postgres:
        facts += [("database", f"embedded Postgres in {home}/postgres")]
        facts += [("", f"{_shown(postgres.psql)} {shlex.quote(running.database_url)}")]
    else:
        facts += [("database", "your own, which DATABASE_URL or the config names")]
    facts += [("config", _shown(Path(running.source)))]
    if environment.made:
        facts += [("secrets", f"made once and kept; to read them: cat {shlex.quote(f'{home}/secrets.env')}")]
    facts += [("example service", f"{', '.join(each.names)} on port {each.server.port}") for each in services]
    if graph:
        facts += [("WhatsApp's side", f"an example Graph API at {graph.url}, as WA_ACCESS_TOKEN is not set")]
    facts += [(f"job {name}", _when(moment)) for name, moment in jobs.items()]
    facts += [("logs", f"{home}/logs")]
    command = _command()
    where = "" if folder.path == DEFAULT.absolute() else f" --data-dir {shlex.quote(home)}"
    examples = (f'send "ride" --from 491701234567{where}', f"dlq list{where}", f"jobs{where}")
    return "\n".join(
        [
            "",
            f"Webhook Core {webhookcore.__version__} is up.",
            "",
            *(f"  {name:<21} {fact}" for name, fact in facts),
            "",
            "Type next, in another terminal:",
            *(f"  {command} {example}" for example in examples),
            "",
            "Ctrl-C stops everything.",
            "",
        ]
    )


def _when(moment: datetime | None) -> str:
    return "suspended" if moment is None else f"next at {moment.astimezone():%H:%M on %-d %B}"


def _command() -> str:
    """How this very command is typed here."""
    own = Path(sys.executable).with_name("webhookcore")
    found = shutil.which("webhookcore")
    return "webhookcore" if found and Path(found) == own else _shown(own)


def _shown(path: Path) -> str:
    """As short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
