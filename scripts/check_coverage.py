"""Reports coverage, and fails where less than the floor is covered: of lines, and of lines and branches together.

Branches by themselves are reported. A few of theirs are taken only when a process dies or the database goes away at a
certain moment, and which of those a run records differs from run to run.
"""

import subprocess
import sys
import tempfile
from json import loads
from pathlib import Path
from typing import Final

FLOOR: Final = 95.0


def main() -> int:
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "report"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "coverage.json"
        subprocess.run([*coverage, "json", "--quiet", "-o", output], check=True)
        totals = loads(output.read_text())["totals"]
    shares = {
        "lines": 100 * totals["covered_lines"] / totals["num_statements"],
        "lines and branches": totals["percent_covered"],
    }
    print(f"branches: {100 * totals['covered_branches'] / totals['num_branches']:.2f} %")
    for what, share in shares.items():
        print(f"{what}: {share:.2f} % (at least {FLOOR:.0f} %)")
    return 0 if all(share >= FLOOR for share in shares.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
