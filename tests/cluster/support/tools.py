"""What a cluster is made with on this machine: the engine, the programs, the node image. Or what of it is missing.

CLUSTER says what may be done about that: empty, use what is there; `build`, install and build it (Debian, root);
`none`, do without a cluster.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
SCRIPTS: Final = ROOT / "scripts" / "cluster"
PROGRAMS: Final = ("kind", "kubectl", "helm")
PUBLIC_NODE_IMAGE: Final = "kindest/node:v1.37.0"
PUBLIC_BASE_IMAGE: Final = "python:3.13-slim-bookworm"
PUBLIC_REGISTRY_IMAGE: Final = "registry:2"
BUILD: Final = "CLUSTER=build make test-cluster"


class MissingError(Exception):
    """No cluster can be made here; the text says why, `remedy` is what to type."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Tools:
    """All that it takes."""

    node_image: str
    base_image: str
    """Of the project's own image."""
    programs: Path | None = None
    """The folder of kind, kubectl and helm where they were built; None: they are on PATH."""
    registry_image: str = PUBLIC_REGISTRY_IMAGE
    """Of an image registry, for the tests that want one."""

    @property
    def has_own_network(self) -> bool:
        """Whether the node image brings a network of its own: the built one does, kind's lets kind install one."""
        return self.programs is not None

    def environment(self) -> dict[str, str]:
        """The caller's, with these programs first."""
        found = dict(os.environ)
        if self.programs is not None:
            found["PATH"] = f"{self.programs}{os.pathsep}{found['PATH']}"
        return found


def prepare() -> Tools:
    """What `find` finds, after everything was installed and built where CLUSTER=build asks for that."""
    if os.environ.get("CLUSTER") == "build":
        for script in ("engine.sh", "build.sh"):
            subprocess.run([SCRIPTS / script], check=True)
    return find()


def find() -> Tools:
    """What is there. MissingError where that is not enough."""
    wish = os.environ.get("CLUSTER", "")
    if wish not in {"", "build", "none"}:
        raise MissingError(f"CLUSTER={wish} means nothing", BUILD)
    if wish == "none":
        raise MissingError("CLUSTER=none says to do without a cluster", "make test-cluster")
    if not _succeeds("docker", "version"):
        raise MissingError("no Docker engine answers", f"{BUILD}   (Debian, root: it installs one and builds the rest)")
    if _succeeds(str(SCRIPTS / "build.sh"), "--check"):
        programs, node, base, registry = _output(str(SCRIPTS / "build.sh"), "--names").split()
        return Tools(node, base, Path(programs), registry)
    if wish == "build":
        raise MissingError("what CLUSTER=build builds is not built yet", BUILD)
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise MissingError(f"not on PATH: {', '.join(lacking)}", f"{BUILD}   (or install them)")
    node, base = (_pulled(image) for image in public_images(os.environ))
    return Tools(node, base)


def public_images(environ: Mapping[str, str]) -> tuple[str, str]:
    """The node's and the base of the project's, from a registry."""
    return environ.get("NODE_IMAGE") or PUBLIC_NODE_IMAGE, environ.get("BASE_IMAGE") or PUBLIC_BASE_IMAGE


def _pulled(image: str) -> str:
    if not _succeeds("docker", "image", "inspect", image) and not _succeeds("docker", "pull", "--quiet", image):
        raise MissingError(f"the image {image} cannot be pulled", BUILD)
    return image


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
