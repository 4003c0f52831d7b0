"""Valid objects to start from, and ways to change them."""

import copy
from pathlib import Path
from typing import Any

import yaml

from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.schema import KINDS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "manifests" / "examples"
MODELS: dict[str, type[KubeObject]] = {kind.info.kind: kind for kind in KINDS}
EXAMPLE_NAMES = tuple(path.stem for path in sorted(EXAMPLES.glob("*.yaml")))


def documents(name: str) -> list[dict[str, Any]]:
    """All documents of an example."""
    return list(yaml.safe_load_all((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")))


def example(name: str) -> dict[str, Any]:
    """An example's first document."""
    return documents(name)[0]


def changed(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the field at "spec/a/b" set; "..." removes it."""
    result = copy.deepcopy(obj)
    *above, last = path.split("/")
    inner = result
    for part in above:
        inner = inner.setdefault(part, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return result
