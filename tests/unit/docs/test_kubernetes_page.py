"""docs/kubernetes.md says what the code says: children, rights, alerts, metrics, conditions and their reasons."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import yaml
from tests.support.pages import ON_A_CLUSTER, ROOT, code, parts, tables
from tests.unit.operator.render.resources import EVERYTHING, MINIMAL, changed, children, inputs

from webhookcore_operator import conditions, gate, leader, migration, observe, reconcile, status, writer
from webhookcore_operator.conditions import Type
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.render import names
from webhookcore_operator.render.alerts import alerts

KUBERNETES, OPERATIONS, README = ROOT / "docs/kubernetes.md", ROOT / "docs/operations.md", ROOT / "README.md"
CHART: Final = ROOT / "charts" / "webhook-core"
PAGE: Final = tables(KUBERNETES)
CORE: Final = "core"
"""How the page calls the API group that has no name."""
IN: Final = "--namespace webhook-core"
TRIAL: Final = [
    f"$ helm install webhook-core charts/webhook-core {IN} --create-namespace --set embeddedPostgres.enabled=true",
    f"$ kubectl apply {IN} --filename examples/kubernetes/",
    f"$ kubectl wait {IN} wcc/webhook-core --for=condition=Ready --timeout=120s",
]


def test_children() -> None:
    """Every kind of child that is rendered, and the names of those of a resource that asks for everything."""
    documented = {code(kind)[0]: set(code(called)) for kind, called, _ in PAGE["children"]}
    assert documented.pop("Secret") == {names.internal_secret("NAME")}
    assert documented.keys() == names.API_VERSIONS.keys()
    real: dict[str, set[str]] = {}
    wanted = changed(EVERYTHING, "spec.router", {"autoscaling": {"maxReplicas": 9}})
    for each in children(inputs(wanted, name="resource")):
        name = re.sub(r"-[0-9a-f]{10}$", "-HASH", each["metadata"]["name"]).replace("resource", "NAME")
        real.setdefault(each["kind"], set()).add(name)
    assert documented == real


def test_rights() -> None:
    """The chart's rules, and the Lease that is told of below them."""
    template = (CHART / "templates/access/_rules.tpl").read_text(encoding="utf-8")
    rules = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "", template, flags=re.DOTALL))
    real = [(group or CORE, rule["resources"], rule["verbs"]) for rule in rules for group in rule["apiGroups"]]
    documented = [
        (code(group)[0] if code(group) else group, code(resources), code(verbs))
        for group, resources, verbs, _ in PAGE["rights"]
    ]
    assert documented == real
    lease = (CHART / "templates/access/operator.yaml").read_text(encoding="utf-8")
    on_leases = re.findall(r"resources: \[leases\]\s+(?:resourceNames: \[\S+\]\s+)?verbs: \[(.*)\]", lease)
    assert on_leases == ["get, update", "create"]
    assert f"may `get`, `update` and `create` the Lease `{leader.NAME}`" in KUBERNETES.read_text(encoding="utf-8")


def rules() -> list[dict[str, Any]]:
    return alerts(inputs(changed(MINIMAL, "spec.monitoring", {"prometheusRule": True})))


def test_alerts() -> None:
    """Every alert of the PrometheusRule, in its order, with how urgent it is."""
    real = [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]
    assert [(code(alert)[0], severity) for alert, severity, _ in PAGE["alerts"]] == list(dict.fromkeys(real))


def test_alarms() -> None:
    """docs/operations.md has each one's expression: but for whose routers they are, and a label's other name."""
    documented = [(code(alert)[0], code(when)[0], lasting) for alert, when, lasting in tables(OPERATIONS)["alarms"]]
    assert documented == [(rule["alert"], plain(rule["expr"]), rule["for"]) for rule in rules()]


def plain(expression: str) -> str:
    """Without what says whose it is."""
    for ones_own in (
        r'(?<=\{)namespace="[^"]*",pod=~"[^"]*",?',
        r'(?<=\{)resource_namespace="[^"]*",resource_name="[^"]*",?',
        r' or \w+\{exported_job="[^"]*"\}',
    ):
        expression = re.sub(ones_own, "", expression)
    return expression.replace("{}", "")


def test_metrics() -> None:
    """Every metric of the operator with its type and labels, as Prometheus sees them."""
    documented = {code(name)[0]: (kind, code(labels)) for name, kind, labels, _ in PAGE["operator's metrics"]}
    real = {}
    for collector in set(Metrics().registry._collector_to_names):
        (family,) = collector.collect()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        real[name] = (family.type, list(getattr(collector, "_labelnames", ())))
    assert documented == real


def test_conditions() -> None:
    """Every type of condition, in the order of the status."""
    assert [code(row[0])[0] for row in PAGE["conditions"]] == list(Type)


def test_reasons() -> None:
    """Every reason that the operator writes, with the condition's type and status; and no other."""
    documented = {(code(type_)[0], code(reason)[0], is_so) for type_, reason, is_so, _ in PAGE["reasons"]}
    real = {*told(), *by_the_gate()}
    assert documented == real


def test_every_reason_is_found() -> None:
    """What the search below does not see through is what other parts of it see: the gate's words, Ready's sum, and what
    `say` itself is given.
    """
    unseen = {ast.unparse(node) for module in SPEAKERS for *_, node in calls(module) if node is not None}
    assert unseen == {"decided.reason", "first.reason", "reason"}


@pytest.mark.parametrize("page", [README, KUBERNETES], ids=lambda page: page.name)
def test_the_trials_three_commands(page: Path) -> None:
    """They are the same wherever they stand; tests/cluster runs them."""
    shown = [line for part in parts(page) if part.kind in {"console", ON_A_CLUSTER} for line in part.text.split("\n")]
    assert [line for line in shown if line in TRIAL] == TRIAL


# The search for reasons: calls of `Condition(type, status, reason, ...)` and `findings.say(type, status, reason, ...)`.

SPEAKERS: Final = (conditions, migration, observe, reconcile, status, writer)
_TYPE, _STATUS, _REASON = range(3)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Call = tuple[list[Any], list[Any], list[Any], ast.expr | None]
"""The types, statuses and reasons that it may have, and the reason's expression where none was found."""


def told() -> Iterator[tuple[str, str, str]]:
    for module in SPEAKERS:
        for types, statuses, reasons, _ in calls(module):
            for type_ in types:
                for reason in reasons:
                    for each in statuses:
                        yield str(type_), reason, each


def by_the_gate() -> Iterator[tuple[str, str, str]]:
    for function in functions(gate):
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Gate":
                (is_open,) = values(call.args[0], gate, function)
                for reason in values(call.args[3], gate, function):
                    yield str(Type.DATABASE_MIGRATED), reason, str(is_open)


def calls(module: ModuleType) -> Iterator[Call]:
    for function in functions(module):
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in {"Condition", "findings.say"}:
                continue
            first = call.args[0]
            if isinstance(first, ast.Starred):  # a condition that was made elsewhere
                continue
            reason = call.args[_REASON]
            found = values(reason, module, function)
            types, statuses = (values(call.args[at], module, function) for at in (_TYPE, _STATUS))
            yield types, statuses, found, None if found else reason


def functions(module: ModuleType) -> list[Function]:
    tree = ast.parse(inspect.getsource(module))
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def values(node: ast.expr, module: ModuleType, function: Function) -> list[Any]:
    """All that an expression may be, as far as its module and its function say; of a tuple that is spread the first."""
    return list(_values(node, module, function))


def _values(node: ast.expr, module: ModuleType, function: Function) -> Iterator[Any]:
    match node:
        case ast.Constant(value):
            yield value
        case ast.Name(name) if hasattr(module, name):
            yield getattr(module, name)
        case ast.Attribute(value, name):
            yield from (getattr(each, name) for each in _values(value, module, function) if hasattr(each, name))
        case ast.Starred(value):
            yield from (each[0] for each in _values(value, module, function))
        case _:
            for each in alternatives(node, module, function):
                yield from _values(each, module, function)


def alternatives(node: ast.expr, module: ModuleType, function: Function) -> Iterator[ast.expr]:
    """The expressions that one of several parts, a function's call or a local name may stand for."""
    match node:
        case ast.IfExp(_, body, otherwise):
            yield from (body, otherwise)
        case ast.Tuple(items):
            yield from items
        case ast.Name(name):
            yield from assigned(name, function)
        case ast.Call(ast.Name(name)):
            for called in functions(module):
                if called.name == name:
                    yield from (each.value for each in ast.walk(called) if isinstance(each, ast.Return) and each.value)


def assigned(name: str, function: Function) -> Iterator[ast.expr]:
    """What a local name is given, in an assignment or by a loop."""
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Name(target)], value) if target == name:
                yield value
            case ast.For(ast.Name(target), iterable) if target == name:
                yield iterable
