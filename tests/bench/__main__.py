"""`python -m tests.bench`: measures the figures and shows them; a whole run is kept, and put into the docs."""

import argparse
import asyncio
import gc
import os
import time
from datetime import UTC, datetime

import uvloop
from rich.console import Console
from tests.bench import machine, report
from tests.bench.figures import FIGURES
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.cluster.support import tools


def main() -> int:
    """1 where a figure could not be measured; with `--check` also where a target was missed."""
    given = _arguments()
    console = Console()
    possible = _possible(console) if given.figures is None else list(FIGURES)
    names = given.figures or possible
    # The load's own pauses would be seen as the server's.
    gc.freeze()
    gc.disable()
    with Rig(quick=given.quick) as rig, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found, failed = runner.run(_measure(rig, names, console))
    console.print(report.table(found))
    if given.quick or failed or set(names) != set(possible):
        console.print("Only a whole run is kept.")
    else:
        _keep(report.Run(machine.describe(), datetime.now(UTC).isoformat(timespec="seconds"), found))
        console.print(f"Kept in {report.LATEST} and {report.PAGE}.")
    return int(failed or (given.check and any(figure.met is False for figure in found)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures Webhook Core.")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--figures", type=_names, help=f"some of: {','.join(FIGURES)}")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such figure: {', '.join(unknown)}")
    return names


def _possible(console: Console) -> list[str]:
    """All figures, but the operator's where no cluster can be had."""
    try:
        if os.environ.get("CLUSTER") != "build":
            tools.find()
    except tools.MissingError as missing:
        console.print(f"operator: left out: {missing}. To measure it: {missing.remedy}")
        return [name for name in FIGURES if name != "operator"]
    return list(FIGURES)


async def _measure(rig: Rig, names: list[str], console: Console) -> tuple[list[Result], bool]:
    """What was found, and whether anything could not be measured: that is told, and the others go on."""
    found: list[Result] = []
    failed = False
    for name in names:
        started = time.monotonic()
        try:
            found += await FIGURES[name](rig)
        except (RuntimeError, TimeoutError) as error:
            console.print(f"{name}: not measured: {error}", style="red")
            failed = True
        gc.collect()
        console.print(f"{name}: {time.monotonic() - started:.0f} s")
    return found, failed


def _keep(run: report.Run) -> None:
    report.LATEST.write_text(run.as_json(), encoding="utf-8")
    page = report.PAGE.read_text(encoding="utf-8")
    report.PAGE.write_text(report.with_figures(page, run), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
