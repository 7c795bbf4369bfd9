"""Reports coverage, and fails where lines or branches are covered less than the floor.

What speaks to an API server is tested on one. Where no cluster can be had, it is left out, and said so.
"""

import subprocess
import sys
import tempfile
from json import loads
from pathlib import Path
from typing import Final

from tests.cluster.support import tools

FLOOR: Final = 95.0
EDGE: Final = tuple(
    f"operator/webhookcore_operator/{name}.py"
    for name in ("api", "apply", "children", "events", "migration", "operate", "reconcile", "writer")
)
"""The operator's modules that do nothing without an API server."""


def main() -> int:
    coverage = [sys.executable, "-m", "coverage"]
    missing = _missing()
    omitted = (f"--omit={','.join(EDGE)}",) if missing else ()
    subprocess.run([*coverage, "report", *omitted], check=True)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "coverage.json"
        subprocess.run([*coverage, "json", "--quiet", *omitted, "-o", output], check=True)
        totals = loads(output.read_text())["totals"]
    shares = {
        "lines": 100 * totals["covered_lines"] / totals["num_statements"],
        "branches": 100 * totals["covered_branches"] / totals["num_branches"],
    }
    for what, share in shares.items():
        print(f"{what}: {share:.2f} % (at least {FLOOR:.0f} %)")
    if missing:
        print(f"\nNot run: the tests on a cluster (tests/cluster): {missing}.")
        print("Not counted, because they do nothing without one:", *EDGE, sep="\n  ")
        print(f"To run them: {missing.remedy}")
    return 0 if all(share >= FLOOR for share in shares.values()) else 1


def _missing() -> tools.MissingError | None:
    """Why the tests on a cluster could not run; None where they could."""
    try:
        tools.find()
    except tools.MissingError as missing:
        return missing
    return None


if __name__ == "__main__":
    sys.exit(main())
