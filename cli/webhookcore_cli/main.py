"""The command `webhookcore`: its subcommands, their options and their help. What they do is imported when they run."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import webhookcore
from webhookcore_cli import dlq_commands
from webhookcore_cli.options import (
    DEFAULT_DATA_DIR,
    ConfigOption,
    DataDirOption,
    InternalPortOption,
    JsonOption,
    NamespaceOption,
    PortOption,
    TolerateOption,
    WaitOption,
)
from webhookcore_cli.trouble import EXIT_CONFIGURATION, EXIT_FAILED, TroubleError

app = typer.Typer(
    name="webhookcore",
    no_args_is_help=True,
    # A traceback is for what nobody foresaw, and never shows local variables: they hold secrets and phone numbers.
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Receives WhatsApp webhooks, keeps them safe, routes them to the right service and delivers them.",
)

app.add_typer(dlq_commands.app, name="dlq")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"webhookcore {webhookcore.__version__}")
        raise typer.Exit


@app.callback()
def webhookcore_command(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Receives WhatsApp webhooks, keeps them safe, routes them to the right service and delivers them."""
    del version  # its callback has shown it


@app.command()
def run(
    config: ConfigOption = None,
    port: PortOption = 8080,
    internal_port: InternalPortOption = 9090,
    host: Annotated[str, typer.Option(help="The address that both listeners bind.")] = "127.0.0.1",
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    examples: Annotated[
        bool,
        typer.Option("--examples/--no-examples", help="Start example services where routes point at this machine."),
    ] = True,
) -> None:
    """Run the whole system on this machine: Postgres, router, example services and jobs, until Ctrl-C.

    Without --config it takes examples/webhookcoreconfig.yaml. With DATABASE_URL it uses that Postgres instead of an
    embedded one. WA_APP_SECRET, WA_VERIFY_TOKEN and WA_ACCESS_TOKEN are used where set, else made once and kept in the
    data folder.

    Examples:
    * `webhookcore run`
    * `webhookcore run --config my.yaml --no-examples --data-dir /srv/webhookcore`
    """
    from webhookcore_cli import parts

    parts.run(config, host, port, internal_port, data_dir, examples=examples)


@app.command()
def router(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="The address that both listeners bind; empty: all.")] = "",
    port: PortOption = 8080,
    internal_port: InternalPortOption = 9090,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long it still serves after SIGTERM: load balancers learn of it late.")
    ] = 5.0,
    tolerate_unknown: TolerateOption = False,
) -> None:
    """Run one router until SIGTERM, which drains it."""
    from webhookcore_cli import parts

    raise typer.Exit(
        parts.router(config, host, port, internal_port, drain_seconds=drain_seconds, tolerate_unknown=tolerate_unknown)
    )


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this release's schema. DATABASE_URL is enough."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.migrate(config))


@app.command("dlq-processor")
def dlq_processor(
    config: ConfigOption = None, tolerate_unknown: TolerateOption = False, data_dir: DataDirOption = DEFAULT_DATA_DIR
) -> None:
    """Deliver again what is due in the dead letter queue: one run, one JSON line last."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.dlq_processor(config, data_dir, tolerate_unknown=tolerate_unknown))


@app.command("session-cleanup")
def session_cleanup(
    config: ConfigOption = None, tolerate_unknown: TolerateOption = False, data_dir: DataDirOption = DEFAULT_DATA_DIR
) -> None:
    """Delete stale sessions and what is past its retention: one run, one JSON line last."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.session_cleanup(config, data_dir, tolerate_unknown=tolerate_unknown))


@app.command()
def operator() -> None:
    """Run the operator of a cluster until SIGTERM: it makes what each WebhookCoreConfig there says.

    Its environment, which the Helm chart sets, says the rest: WEBHOOKCORE_OPERATOR_IMAGE is required; POD_NAMESPACE,
    POD_NAME, WEBHOOKCORE_WATCH_NAMESPACES, WEBHOOKCORE_RESYNC_SECONDS and WEBHOOKCORE_OPERATOR_PORT have defaults.
    """
    from webhookcore_cli import parts

    raise typer.Exit(parts.operator())


@app.command()
def check(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The file with the WebhookCoreConfig.")],
    as_json: JsonOption = False,
) -> None:
    """Check a config: all that is wrong with it at once, or the routes that it makes. Needs no secret."""
    from webhookcore.settings import SettingsError, read_config
    from webhookcore_cli import check, configuration, output

    try:
        spec = read_config(config)
    except SettingsError as error:
        if not as_json:
            raise configuration.refusal(error) from None
        typer.echo(json.dumps(check.refused(error), indent=2))
        raise typer.Exit(EXIT_CONFIGURATION) from None
    if as_json:
        typer.echo(json.dumps(check.as_dict(spec), indent=2))
        return
    output.print_table(check.COLUMNS, check.route_rows(spec))
    typer.echo(f"{config} is valid.")


@app.command()
def send(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the customer writes.")],
    sender: Annotated[str, typer.Option("--from", help="The customer's number, with the country's code.")],
    reply_id: Annotated[
        str | None, typer.Option(help="Send a choice from a list instead, TEXT being its title: a route's name, ...")
    ] = None,
    message_id: Annotated[str | None, typer.Option(help="The message's id; the same one again is a repeat.")] = None,
    url: Annotated[str | None, typer.Option(help="Where to post; default: the system that runs here.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Post a signed notification, as Meta would, and show the answer.

    Examples:
    * `webhookcore send "ride" --from 491701234567`
    * `webhookcore send "Rides" --reply-id wa-webhook-mobility --from 491701234567`
    """
    from webhookcore_cli import output, send, whatsapp_message, which_system

    number = whatsapp_message.phone_number(sender)
    wamid = message_id or whatsapp_message.message_id(number, os.urandom(12))
    body = whatsapp_message.notification(text, number, wamid, datetime.now(UTC), reply_id)
    sent = send.send(which_system.receiver(url, config, data_dir, os.environ), body)
    if as_json:
        typer.echo(json.dumps({**sent.as_dict(), "messageId": wamid}, indent=2))
    else:
        output.print_facts([*send.facts(sent), ("message id", wamid)])
    raise typer.Exit(0 if sent.accepted else EXIT_FAILED)


@app.command()
def jobs(
    runs: Annotated[int, typer.Option(min=1, max=100, help="How many of each job's last runs.")] = 5,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Show when each job runs next, and what its last runs came to."""
    from webhookcore_cli import database, jobs, output, which_system
    from webhookcore_cli.local.scheduled_job import plans

    planned = plans(which_system.settings_of(config, data_dir, os.environ).spec)
    scheduled = which_system.has_schedules(config, data_dir, os.environ)
    last, now = database.work(
        which_system.database_url(config, data_dir, os.environ),
        lambda conn, now: jobs.last_runs(conn, now, runs),
    )
    if as_json:
        typer.echo(json.dumps(jobs.as_dict(planned, last, now, scheduled=scheduled), indent=2))
        return
    newest = {run.jobname: run for run in reversed(last)}
    rows = [jobs.plan_row(plan, newest.get(plan.name), now, scheduled=scheduled) for plan in planned]
    output.print_table(jobs.PLAN_COLUMNS, rows)
    if not scheduled:
        typer.echo(jobs.CRON_JOBS)
    if last:
        output.print_table(jobs.RUN_COLUMNS, [jobs.run_row(run) for run in last])


# What only the pods of a cluster call; the Helm chart says how.


@app.command(hidden=True)
def postgres(
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port, on every address.")] = 5432,
) -> None:
    """Run the embedded Postgres for other pods until SIGTERM: role and database `webhookcore`, $POSTGRES_PASSWORD."""
    from webhookcore_cli import parts

    parts.postgres(data_dir, port)


@app.command("example-services", hidden=True)
def example_services(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The services' names, and so their paths.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port, on every address.")] = 8080,
) -> None:
    """Run example services for other pods until SIGTERM, and an example Graph API under /v23.0."""
    from webhookcore_cli import parts

    parts.example_services(names, port)


@app.command("apply-config", hidden=True)
def apply_config(
    config_map: Annotated[str, typer.Argument(metavar="CONFIGMAP", help="The ConfigMap with a WebhookCoreConfig.")],
    namespace: NamespaceOption,
    owned: Annotated[bool, typer.Option(help="Let the resource go when the ConfigMap goes.")] = True,
    wait_seconds: WaitOption = 120,
) -> None:
    """Apply the WebhookCoreConfig that a ConfigMap holds, once its kind is served."""
    from webhookcore_cli import parts

    name = parts.apply_config(config_map, namespace, owned=owned, wait_seconds=wait_seconds)
    typer.echo(f"WebhookCoreConfig {namespace}/{name} is applied.")


@app.command("check-install", hidden=True)
def check_install(
    operator_url: Annotated[str, typer.Argument(metavar="URL", help="Where the operator answers.")],
    wait_seconds: WaitOption = 120,
) -> None:
    """Look whether an operator is ready and the resource is served."""
    from webhookcore_cli import parts

    parts.check_install(operator_url, wait_seconds)
    typer.echo("An operator is ready, and the API server serves WebhookCoreConfig.")


def main() -> None:
    """The entry point: foreseeable trouble ends with its message and its exit code."""
    try:
        app(prog_name="webhookcore")
    except TroubleError as trouble:
        sys.stderr.write(f"webhookcore: {trouble}\n")
        sys.exit(trouble.code)
