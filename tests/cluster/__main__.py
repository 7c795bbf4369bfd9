"""`python -m tests.cluster`: runs the tests on a cluster, or makes one to work with.

`test` makes everything that it takes and runs pytest; `up` makes a cluster, or finds the one that was kept, and says
how to use it; `down` deletes it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from typing import Final

from tests.cluster.support import audit, clusters, image, storage, tools

NAME: Final = "webhookcore-dev"
"""Of the cluster of `up`."""
ALL: Final = "tests/cluster"
JUDGE: Final = "tests/cluster/test_rights.py"
"""Judges what all the others left in the audit logs of their clusters."""
SELECTING: Final = ("tests/", "-k", "-m", "--lf", "--last-failed")
"""How arguments begin that choose among the tests."""
WORKERS: Final = 2
"""Each with a cluster of its own. On two cores more would only wait for each other."""


def main() -> int:
    """The exit code: pytest's; 1 where no cluster can be made, 0 with `--where-possible`."""
    given, more = _arguments()
    try:
        if given.what == "test":
            return _test(more)
        found = tools.prepare()
    except tools.MissingError as missing:
        print(f"\nNot run: the tests on a cluster (tests/cluster): {missing}.", file=sys.stderr)
        print(f"To run them: {missing.remedy}", file=sys.stderr)
        return 0 if given.where_possible else 1
    if given.what == "down":
        clusters.delete(given.name, found)
        return 0
    return _up(given.name, found)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster", description="Tests on a real cluster.", allow_abbrev=False
    )
    parser.add_argument("what", choices=["test", "up", "down"])
    parser.add_argument("--where-possible", action="store_true", help="say what is not run, and succeed")
    parser.add_argument("--name", default=NAME, help=f"of the cluster to make or delete; default: {NAME}")
    return parser.parse_known_args()


def _test(arguments: list[str]) -> int:
    """All tests, on several clusters at once, and then the judge; or those that the arguments choose, on one."""
    tools.prepare()
    named = any(argument.startswith("tests/") for argument in arguments)
    if any(argument.startswith(SELECTING) for argument in arguments):
        return _pytest(*arguments, *([] if named else [ALL]))
    with tempfile.TemporaryDirectory() as folder:
        logs = {audit.FOLDER: folder}
        one_cluster = bool(os.environ.get("KEEP") or os.environ.get("WEBHOOKCORE_CLUSTER"))
        workers = f"--numprocesses={0 if one_cluster else WORKERS}"
        code = _pytest(
            *(workers, "--dist=loadfile", "--no-loadscope-reorder"), *arguments, ALL, f"--ignore={JUDGE}", **logs
        )
        return code or _pytest(*arguments, JUDGE, **logs)


def _pytest(*arguments: str, **environment: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def _up(name: str, found: tools.Tools) -> int:
    started = time.monotonic()
    cluster = clusters.existing(name, found)
    if cluster is None:
        clusters.keep(name)
        cluster = clusters.create(name, found)
    storage.provide(cluster)
    cluster.image = image.build(found)
    cluster.load(cluster.image)
    print(f"The cluster {name} is there ({time.monotonic() - started:.0f} s), with the image {cluster.image}.\n")
    print(clusters.how_to_use(cluster))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
