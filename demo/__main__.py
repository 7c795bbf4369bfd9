"""The command `make demo`: its options, and the folder and the signals of a run."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from demo.checks import Ledger, check
from demo.company import Company
from demo.day import RECORDING, read, since_midnight
from demo.observed import Observed
from demo.report import as_dict, show
from demo.screen import Screen
from demo.story import BEGIN, END, Story
from demo.totals import Totals
from webhookcore_cli.trouble import TroubleError

DAY_SECONDS: Final = 24.0
LAST: Final = since_midnight("22:00")
INTERRUPTED: Final = 130


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def main(
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout; progress on stderr.")] = False,
    until: Annotated[str, typer.Option(metavar="HH:MM", help="Play the day up to this time alone.")] = "",
    seconds: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="Seconds that the day from 06:00 to 22:00 takes.")
    ] = DAY_SECONDS,
    day: Annotated[Path, typer.Option(help="The recording.")] = RECORDING,
) -> None:
    """Play a recorded day through the real system and check what became of every event.

    Exit 0 only if all came out right. Asks nothing, ends by itself and leaves nothing behind.
    """
    end = _time_of_day(until) if until else END
    try:
        notifications = read(day, end)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--day") from None
    screen = Screen(quiet=as_json)
    story = Story(notifications, end, (LAST - BEGIN).total_seconds() / seconds, screen)
    company, started = Company.made(), time.monotonic()
    try:
        observed = _run(story, company)
    except TroubleError as trouble:
        screen.console.print(f"demo: {trouble}", style="red", markup=False)
        raise typer.Exit(1) from None
    if observed is None:
        screen.say("", "interrupted; everything was stopped and removed")
        raise typer.Exit(INTERRUPTED)
    ledger = Ledger.of(notifications, observed)
    checks = check(ledger, company)
    totals = Totals.of(ledger, company.spec.router.rate_limit.messages_per_minute)
    took = time.monotonic() - started
    if as_json:
        sys.stdout.write(json.dumps(as_dict(totals, checks, took), indent=2, ensure_ascii=False) + "\n")
    else:
        show(screen.console, totals, checks, took)
    raise typer.Exit(1 if any(each.mismatches for each in checks) else 0)


def _run(story: Story, company: Company) -> Observed | None:
    """None where it was interrupted."""
    folder = Path(tempfile.mkdtemp(prefix="webhookcore-demo-"))
    try:
        with story.screen:
            return asyncio.run(_until_signal(story, company, folder))
    finally:
        shutil.rmtree(folder)


async def _until_signal(story: Story, company: Company, folder: Path) -> Observed | None:
    """Ctrl-C ends all in order; a second one kills what still drains."""
    hurry = asyncio.Event()
    telling = asyncio.create_task(story.tell(company, folder, hurry))

    def on_signal() -> None:
        if telling.cancelling():
            hurry.set()
        else:
            telling.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        return await telling
    except asyncio.CancelledError:
        return None


def _time_of_day(text: str) -> timedelta:
    try:
        return since_midnight(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None


if __name__ == "__main__":
    app(prog_name="demo")
