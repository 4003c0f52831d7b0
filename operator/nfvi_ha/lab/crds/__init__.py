"""Minimal KubeVirt CRDs, written for the lab: names, columns, subresources and the checks that users meet.

They are not KubeVirt's own (which are 250 kB each): they say the same of what the operator and the lab read and
write, refuse what KubeVirt's schema refuses in the parts a template usually gets wrong, and let the rest through.
"""

from importlib import resources
from typing import Any

import yaml


def kubevirt_crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinition objects, ready to be created."""
    folder = resources.files(__name__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return [yaml.safe_load(folder.joinpath(name).read_text("utf-8")) for name in names]
