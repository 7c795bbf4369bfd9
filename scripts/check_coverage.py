"""Reports coverage, and fails where lines or branches are covered less than the floor."""

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
        "branches": 100 * totals["covered_branches"] / totals["num_branches"],
    }
    for what, share in shares.items():
        print(f"{what}: {share:.2f} % (at least {FLOOR:.0f} %)")
    return 0 if all(share >= FLOOR for share in shares.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
