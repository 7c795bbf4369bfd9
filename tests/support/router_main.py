"""A router with limits of the test's own: `python -m tests.support.router_main`, otherwise as `webhookcore router`."""

import argparse
import json
import logging
import os
import resource
from dataclasses import replace
from pathlib import Path

from webhookcore.settings import load_settings
from webhookcore_router import server
from webhookcore_router.limits import Limits


def main() -> int:
    """`--limits` is JSON that replaces fields of Limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--internal-port", type=int, required=True)
    parser.add_argument("--limits", type=json.loads, default={})
    parser.add_argument("--open-files", type=int, help="the soft limit that the process is started with")
    given = parser.parse_args()
    if given.open_files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given.open_files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = load_settings(given.config, os.environ)
    return server.run(settings, given.port, given.internal_port, limits=replace(Limits(), **given.limits))


if __name__ == "__main__":
    raise SystemExit(main())
