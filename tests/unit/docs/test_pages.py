"""The documentation is whole: its links lead somewhere, and its tables leave out nothing that the code can say."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.support.pages import NOT_RUN, ON_A_CLUSTER, PAGES, ROOT, STEP, TABLE, code, parts, tables

from webhookcore import headers
from webhookcore.delivery.classify import TryAgain, classify
from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Parked
from webhookcore.events import EventName
from webhookcore.metrics import RouterMetrics
from webhookcore.routing.decision import Reason
from webhookcore_cli import trouble
from webhookcore_cli.main import app
from webhookcore_router import answers
from webhookcore_router.limits import Limits
from webhookcore_workers.result import Exit

HTTP, OPERATIONS, EVENTS, ARCHITECTURE, KUBERNETES = (
    ROOT / f"docs/{name}.md" for name in ("http", "operations", "events", "architecture", "kubernetes")
)
WALKED = {
    ROOT / "README.md": {"console", "text", ON_A_CLUSTER},
    HTTP: {"http", "python"},
    OPERATIONS: {"console", ON_A_CLUSTER},
    EVENTS: {"json"},
    KUBERNETES: {"console", "yaml"},
}
"""The languages of the pages whose blocks are all run (tests/integration/docs, tests/cluster/test_pages.py)."""
CHECKED_ELSEWHERE = {"configuration.md", "benchmarks.md"}

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """A link to a file leads to one, and a link to a chapter to one that is there."""
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_run(page: Path) -> None:
    """A block has a language that its page's test runs, or a mark that says why it is not run."""
    if page.name in CHECKED_ELSEWHERE:
        return
    allowed = {*WALKED.get(page, set()), "mermaid", STEP, NOT_RUN, TABLE}
    before = None
    for part in parts(page):
        assert part.kind in allowed or before == NOT_RUN, f"{page.name}:{part.line}: nobody runs this"
        before = part.kind


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tables_are_there(page: Path) -> None:
    """A mark of a table has one below it."""
    for name, rows in tables(page).items():
        assert rows, f"{page.name}: {name}"


# docs/http.md


def said(*modules: str) -> Iterator[tuple[int, str]]:
    """Status and code of every `problem(...)` in these modules of the router."""
    for module in modules:
        tree = ast.parse((Path(answers.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "problem":
                status = ast.literal_eval(call.args[1])
                named = [ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "code"]
                yield status, named[0] if named else answers._ERROR_CODES[status]


def documented_errors(table: str) -> set[tuple[int, str]]:
    return {(int(row[0]), code(row[1])[0]) for row in tables(HTTP)[table] if code(row[1])}


def test_errors() -> None:
    """Every status and error code of both listeners is in the tables, and no other."""
    of_http = {(status, error) for status, error in answers._ERROR_CODES.items() if status != 401}
    assert documented_errors("public errors") == of_http | set(said("receive"))
    assert documented_errors("internal errors") == set(said("redeliver", "health"))


def test_headers() -> None:
    """Every header that has a name in the code is in a table or, the internal ones, in the text."""
    names = {value for name, value in vars(headers).items() if name.isupper()}
    page = tables(HTTP)
    public = {code(row[0])[0] for row in page["headers of the public listener"]}
    to_service = {code(row[0])[0] for row in page["headers to a service"]}
    assert public | to_service | {headers.DLQ_RETRY} == names
    assert f"`{headers.DLQ_RETRY}`" in HTTP.read_text(encoding="utf-8")


def test_reasons() -> None:
    """Every value of X-Routing-Reason."""
    assert {code(row[0])[0] for row in tables(HTTP)["reasons"]} == set(Reason)


def test_answers_of_a_service() -> None:
    """What the table says about each status from 200 to 599 is what happens."""
    seen = []
    for answer, then, failure in tables(HTTP)["answers"]:
        numbers = [int(number) for number in code(answer)]
        for status in range(numbers[0], numbers[-1] + 1):
            result = classify(status)
            meaning = {Delivered: "delivered", Failed: "dead letter", TryAgain: "tried again"}[type(result)]
            assert then == meaning, status
            assert code(failure) == ([] if isinstance(result, Delivered) else [result.code]), status
            seen.append(status)
    assert seen == list(range(200, 600))


def test_outcomes() -> None:
    """Every outcome of a redelivery."""
    assert [code(row[0])[0] for row in tables(HTTP)["outcomes"]] == [
        outcome.__name__.lower() for outcome in (Delivered, Failed, Abandoned, Parked)
    ]


# docs/operations.md


def test_failure_codes() -> None:
    """Every error_code of a dead letter."""
    assert [code(row[0])[0] for row in tables(OPERATIONS)["failure codes"]] == list(FailureCode)


def test_metrics() -> None:
    """Every metric with its type and labels, as Prometheus sees them."""
    documented = {code(row[0])[0]: (row[1], code(row[2])) for row in tables(OPERATIONS)["metrics"]}
    registry = RouterMetrics().registry
    real = {}
    for collector in set(registry._collector_to_names):
        (family,) = collector.collect()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        real[name] = (family.type, list(getattr(collector, "_labelnames", ())))
    assert documented == real


def commands(command: Any, *names: str) -> Iterator[str]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield " ".join(names)
    else:
        for name, subcommand in subcommands.items():
            if not subcommand.hidden:
                yield from commands(subcommand, *names, name)


def test_commands() -> None:
    """Every command of `webhookcore` that people type."""
    documented = [code(row[0])[0] for row in tables(OPERATIONS)["commands"]]
    assert sorted(documented) == sorted(commands(typer.main.get_command(app), "webhookcore"))


def test_exit_codes() -> None:
    """Every exit code of commands and jobs."""
    real = {value for name, value in vars(trouble).items() if name.startswith("EXIT_")} | set(Exit)
    assert {int(row[0]) for row in tables(OPERATIONS)["exit codes"]} == real


def test_limits() -> None:
    """Every limit with its value."""
    documented = {code(row[0])[0]: float(row[1]) for row in tables(OPERATIONS)["limits"]}
    assert documented == {field.name: getattr(Limits(), field.name) for field in fields(Limits)}


def test_published_statements() -> None:
    """The two statements that others rely on stand on the page, letter for letter."""
    text = OPERATIONS.read_text(encoding="utf-8")
    assert '"SELECT COUNT(*) FROM wa_dead_letter_queue WHERE processed = false"' in text
    assert '"SELECT COUNT(*) FROM user_sessions WHERE active_service IS NOT NULL"' in text


# docs/events.md


def test_events() -> None:
    """Every event has a table of its fields."""
    assert set(tables(EVENTS)) - {"common"} == set(EventName)


# docs/architecture.md


def test_folders() -> None:
    """Every folder of the repository, its package, and what import-linter lets it import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    below: dict[str, set[str]] = {}
    for number, layer in enumerate(layers):
        for package in layer.split(" | "):
            below[package] = {name for lower in layers[number + 1 :] for name in lower.split(" | ")}
    documented = {code(row[0])[0]: (code(row[1]), set(code(row[3]))) for row in tables(ARCHITECTURE)["folders"]}
    for folder, (package, may_import) in documented.items():
        assert (ROOT / folder).is_dir()
        for name in package:
            assert (ROOT / folder / name / "__init__.py").is_file()
            assert may_import == below.pop(name)
    assert not below
    ours = {f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert ours - set(documented) <= {"htmlcov/", "dist/", "build/"}


def test_modules_exist() -> None:
    """Every file that the page names is there."""
    named = re.findall(r"`((?:[a-z]+/)*[a-z_]+\.py)`", ARCHITECTURE.read_text(encoding="utf-8"))
    assert named
    sources = [path.as_posix() for path in ROOT.glob("*/**/*.py") if ".venv" not in path.parts]
    for name in named:
        *folders, module = name.split("/")
        pattern = re.compile("/".join([*(rf"{folder}(?:/\w+)?" for folder in folders), re.escape(module)]) + "$")
        assert any(pattern.search(path) for path in sources), name
