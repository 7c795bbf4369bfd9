"""Runs Prometheus' own tests of rules: the rules as they are rendered, on series that are made up."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.support import prometheus


def promtool(*arguments: str | Path) -> str:
    """Runs it; what it says."""
    program = prometheus.promtool()
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def firing(
    rules: Path,
    folder: Path,
    series: Mapping[str, str],
    expected: list[dict[str, str]],
    *,
    after: str,
    step: str = "1m",
) -> None:
    """Fails unless exactly these alerts fire after that time. A series is values `step` apart, in promtool's notation;
    an alert is its labels.
    """
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": step,
        "tests": [
            {
                "interval": step,
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertstate="firing"}',
                        "eval_time": after,
                        "exp_samples": [{"labels": _series(labels), "value": 1} for labels in expected],
                    }
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool("test", "rules", file)


def described(rules: Path, folder: Path, series: Mapping[str, str], alert: dict[str, Any], *, after: str) -> None:
    """Fails unless this alert, with its labels and annotations, fires after that time."""
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [
                    {
                        "alertname": alert["alert"],
                        "eval_time": after,
                        "exp_alerts": [{"exp_labels": alert["labels"], "exp_annotations": alert["annotations"]}],
                    }
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool("test", "rules", file)


def _series(labels: Mapping[str, str]) -> str:
    matched = {"alertname": labels["alertname"], "alertstate": "firing", **labels}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in matched.items()) + "}"
