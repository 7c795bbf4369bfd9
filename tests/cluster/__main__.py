"""`python -m tests.cluster`: runs the tests on a cluster, or makes one to work with.

`test` makes everything that it takes and runs pytest; `up` makes a cluster, or finds the one that was kept, and says
how to use it; `down` deletes it.
"""

import argparse
import sys
import time
from typing import Final

import pytest
from tests.cluster.support import clusters, image, storage, tools

NAME: Final = "webhookcore-dev"
"""Of the cluster of `up`."""


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
    tools.prepare()
    return int(pytest.main([*arguments, *([] if _names_tests(arguments) else ["tests/cluster"])]))


def _names_tests(arguments: list[str]) -> bool:
    return any(argument.startswith("tests/") for argument in arguments)


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
