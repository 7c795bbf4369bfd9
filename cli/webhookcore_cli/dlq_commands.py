"""The commands `webhookcore dlq list`, `show` and `retry`: their options and what they print."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from webhookcore_cli.options import (
    DEFAULT_DATA_DIR,
    ConfigOption,
    DataDirOption,
    JsonOption,
    RevealOption,
    RouteOption,
    SinceOption,
    UntilOption,
)
from webhookcore_cli.trouble import EXIT_USAGE, TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webhookcore.store.on_call import DeadLetter, Selection, State

app = typer.Typer(no_args_is_help=True, help="The dead letter queue: what was not delivered and why; send it again.")

SHOWN_OF_DRY_RUN = 20
MOST_OF_DRY_RUN = 1_000_000


@app.command("list")
def list_(
    route: RouteOption = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="waiting, retrying, abandoned, processed; repeatable. Default: all that is undelivered."),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    as_json: JsonOption = False,
    reveal: RevealOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """List dead letters, the newest first. Phone numbers are masked unless --reveal is given.

    Examples:
    * `webhookcore dlq list --route wa-webhook-jobs --since 2h`
    * `webhookcore dlq list --state abandoned --json`
    """
    from webhookcore_cli import database, dead_letters, output, which_system

    states = _states(state)
    selection = _selection(None, route, since, until)
    letters, now = database.work(
        which_system.database_url(config, data_dir, os.environ),
        lambda conn, now: dead_letters.listed(conn, now, selection, states, limit),
    )
    if as_json:
        typer.echo(dead_letters.as_json([dead_letters.as_dict(letter, reveal=reveal) for letter in letters]))
    elif letters:
        rows = [dead_letters.row(letter, now, reveal=reveal) for letter in letters]
        output.print_table(dead_letters.COLUMNS, rows, fold=False)
    else:
        typer.echo("No dead letters.")


@app.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="ID", help="As `webhookcore dlq list` shows it.")],
    as_json: JsonOption = False,
    reveal: RevealOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Show one dead letter. The message itself and the sender's number only with --reveal."""
    from webhookcore_cli import database, dead_letters, output, which_system

    (wanted,) = dead_letters.identifiers([dead_letter])
    letter, payload = database.work(
        which_system.database_url(config, data_dir, os.environ),
        lambda conn, now: dead_letters.find(conn, wanted, now),
    )
    told = dead_letters.details(letter, payload, reveal=reveal)
    if as_json:
        typer.echo(dead_letters.as_json(told))
        return
    output.print_facts(
        (name, value if isinstance(value, str) else dead_letters.as_json(value))
        for name, value in told.items()
        if value is not None
    )


@app.command()
def retry(
    dead_letter: Annotated[list[str] | None, typer.Argument(metavar="ID", help="These.")] = None,
    route: RouteOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    abandoned: Annotated[bool, typer.Option("--abandoned", help="Only what was given up.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which ones it would be.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Make undelivered dead letters due again, abandoned ones too; dlq-processor takes them at its next run.

    Their retries start anew. What is being redelivered right now, and what was delivered, is left alone. Each leaves
    the event DLQ_MESSAGE_RETRY_SCHEDULED (one JSON line on stdout; on a terminal only with --json) and all of them a
    row in job_runs, which `webhookcore jobs` shows.

    Examples:
    * `webhookcore dlq retry 0b7c2a9e-4f0e-4c5e-9b5c-0d8f7f9f3a11`
    * `webhookcore dlq retry --route wa-webhook-jobs --abandoned --since 1d --dry-run`
    """
    from webhookcore.events import EventLog, Pseudonyms
    from webhookcore.settings import Need
    from webhookcore.store import on_call
    from webhookcore_cli import database, dead_letters, which_system

    if not (dead_letter or route or since or until or abandoned):
        raise TroubleError("say which: IDs, --route, --since, --until or --abandoned.", EXIT_USAGE)
    selection = _selection(dead_letter, route, since, until)
    if dry_run:
        states = [on_call.State.ABANDONED] if abandoned else [on_call.State.WAITING, on_call.State.ABANDONED]
        letters, now = database.work(
            which_system.database_url(config, data_dir, os.environ),
            lambda conn, now: dead_letters.listed(conn, now, selection, states, MOST_OF_DRY_RUN),
        )
        _show_dry_run(letters, now, as_json=as_json)
        return
    settings = which_system.settings_of(config, data_dir, os.environ, Need.INTERNAL)
    url = which_system.database_url(config, data_dir, os.environ)
    requeued, now = database.work(
        url, lambda conn, now: dead_letters.retry(conn, selection, abandoned_only=abandoned, now=now)
    )
    if as_json or not sys.stdout.isatty():
        dead_letters.emit(EventLog(Pseudonyms(settings.secrets.internal_secret)), requeued, now)
    if as_json:
        # One line, as the events before it: a program reads line by line, and the result is the last.
        typer.echo(json.dumps({"success": True, "requeued": len(requeued)}))
    else:
        typer.echo(_told(len(requeued), len(set(selection.ids or ()))), err=not sys.stdout.isatty())


def _told(requeued: int, asked: int) -> str:
    text = f"{requeued} dead letter{'' if requeued == 1 else 's'} made due again"
    text += "; dlq-processor takes them next." if requeued else "."
    if requeued < asked:
        left = asked - requeued
        text += f" {left} left alone: delivered, deleted, or being redelivered right now."
    return text


def _show_dry_run(letters: "Sequence[DeadLetter]", now: datetime, *, as_json: bool) -> None:
    from webhookcore_cli import dead_letters, output

    if as_json:
        typer.echo(
            dead_letters.as_json(
                {"dryRun": True, "wouldRequeue": len(letters), "ids": [str(letter.id) for letter in letters]}
            )
        )
        return
    if letters:
        rows = [dead_letters.row(letter, now, reveal=False) for letter in letters[:SHOWN_OF_DRY_RUN]]
        output.print_table(dead_letters.COLUMNS, rows, fold=False)
    typer.echo(f"{len(letters)} would be made due again. Nothing was changed.")


def _states(given: list[str] | None) -> "list[State]":
    from webhookcore.store import on_call

    try:
        return [on_call.State(state) for state in given] if given else list(on_call.UNDELIVERED)
    except ValueError as error:
        raise TroubleError(f"{error}: --state takes {', '.join(on_call.State)}.", EXIT_USAGE) from None


def _selection(identifiers: list[str] | None, route: str | None, since: str | None, until: str | None) -> "Selection":
    from webhookcore.store.on_call import Selection
    from webhookcore_cli import dead_letters, moments

    now = datetime.now(UTC)
    return Selection(
        ids=dead_letters.identifiers(identifiers) if identifiers else None,
        route=route,
        since=moments.parse(since, now) if since else None,
        until=moments.parse(until, now) if until else None,
    )
