"""The chart as objects."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from nfvi_ha.cli.helm import Helm

Obj = dict[str, Any]

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "nfvi-ha"
NAMESPACE: Final = "nfvi-ha-system"
VALUES: Final = (None, *sorted((CHART / "ci").glob("*-values.yaml")))
"""The default values, and those of every file in ci/."""
KUBE_VERSIONS: Final = ("1.20.2", "1.25.0", "1.36.2")


def render(
    helm: Helm,
    *,
    kube: str = "1.36.2",
    values: Path | None = None,
    sets: Iterable[str] = (),
    release: str = "nfvi-ha",
    namespace: str = NAMESPACE,
) -> list[Obj]:
    """What ``helm template`` gives; ``sets`` are arguments of ``--set``."""
    arguments = ["template", release, str(CHART), "--namespace", namespace, "--kube-version", kube]
    if values is not None:
        arguments += ["--values", str(values)]
    for text in sets:
        arguments += ["--set", text]
    return [obj for obj in yaml.safe_load_all(helm(*arguments)) if obj is not None]


def of_kind(objects: Iterable[Obj], kind: str) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] == kind]


def one(objects: Iterable[Obj], kind: str, namespace: str | None = None) -> Obj:
    found = [obj for obj in of_kind(objects, kind) if namespace in (None, obj["metadata"].get("namespace"))]
    assert len(found) == 1, f"expected one {kind}, found {[obj['metadata']['name'] for obj in found]}"
    return found[0]


def of_component(objects: Iterable[Obj], component: str) -> list[Obj]:
    """Those of the operator, the agent or the sentinel."""
    label = "app.kubernetes.io/component"
    return [obj for obj in objects if obj["metadata"].get("labels", {}).get(label) == component]


def key(obj: Obj) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
