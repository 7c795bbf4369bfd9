"""Writes the CustomResourceDefinition to a file: that of the repository, or the one that is named."""

import sys
from pathlib import Path
from typing import Final

from webhookcore_operator.crd import text

DEFAULT: Final = "crds/webhookcoreconfigs.yaml"

if __name__ == "__main__":
    Path(*sys.argv[1:2] or [DEFAULT]).write_text(text(), encoding="utf-8")
