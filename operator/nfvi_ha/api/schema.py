"""Renders the CRDs and their reference page from the models, and tells when what is committed is out of date.

``python -m nfvi_ha.api.schema write|check [--root DIR]``; a developer's tool that needs the extra ``lab`` (PyYAML).
Servers before 1.25 refuse a CRD with CEL rules, so there is a second set without them; the models check the same.
"""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nfvi_ha.api import reference
from nfvi_ha.api.hapolicy import HAPolicy
from nfvi_ha.api.hypervisor import Hypervisor
from nfvi_ha.api.incident import Incident
from nfvi_ha.api.kind import KindInfo, KubeObject
from nfvi_ha.api.names import GROUP, VERSION
from nfvi_ha.api.structural import CEL_KEY, Schema, structural, without
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.api.vnfreplicaset import VNFReplicaSet

KINDS: Final[tuple[type[KubeObject], ...]] = (VNFReplicaSet, HAPolicy, Hypervisor, VIMEndpoint, Incident)
_HEADER: Final = "# Generated from operator/nfvi_ha/api by `make crds`. Do not edit.\n"


def documented(kind: type[KubeObject]) -> Schema:
    """The kind's schema with all its rules, also those that CEL cannot say (their "rule" is None)."""
    full = kind.model_json_schema(by_alias=True, mode="validation")
    fields = full["properties"]
    root = structural({**full, "properties": {key: value for key, value in fields.items() if key != "metadata"}})
    root["required"] = [name for name in root.get("required", []) if name != "metadata"]
    if not root["required"]:
        del root["required"]
    root["properties"]["status"] = without(root["properties"]["status"], "default")
    name = {"type": "string", "maxLength": kind.info.name_max_length, "pattern": kind.info.name_pattern}
    root["properties"] = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
        "kind": {"type": "string", "description": kind.info.kind},
        "metadata": {"type": "object", "properties": {"name": name}},
        **root["properties"],
    }
    return root


def open_api(kind: type[KubeObject], *, cel: bool = True) -> Schema:
    """The kind's openAPIV3Schema; without CEL rules for servers before 1.25."""
    schema = documented(kind)
    return dict(_with_cel(schema) if cel else without(schema, CEL_KEY))


def _with_cel(schema: Any) -> Any:
    """The schema with only those rules that are written in CEL."""
    if isinstance(schema, list):
        return [_with_cel(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _with_cel(value) for key, value in schema.items() if key != CEL_KEY}
    rules = [rule for rule in schema.get(CEL_KEY, ()) if rule["rule"]]
    return {key: rules if key == CEL_KEY else kept[key] for key in schema if key != CEL_KEY or rules}


def render(kind: type[KubeObject], *, cel: bool = True) -> Schema:
    """The kind's CustomResourceDefinition, ready to apply."""
    info = kind.info
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in info.columns],
        "subresources": _subresources(info),
        "schema": {"openAPIV3Schema": open_api(kind, cel=cel)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{info.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if info.namespaced else "Cluster",
            "names": {
                "kind": info.kind,
                "listKind": f"{info.kind}List",
                "plural": info.plural,
                "singular": info.singular,
                "shortNames": list(info.short_names),
                "categories": list(info.categories),
            },
            "versions": [version],
        },
    }


def _column(column: Any) -> Schema:
    fields: Schema = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.description:
        fields["description"] = column.description
    return {**fields, "priority": column.priority} if column.priority else fields


def _subresources(info: KindInfo) -> Schema:
    if info.scale is None:
        return {"status": {}}
    scale = {
        "specReplicasPath": info.scale.spec_replicas,
        "statusReplicasPath": info.scale.status_replicas,
        "labelSelectorPath": info.scale.label_selector,
    }
    return {"status": {}, "scale": scale}


def generated() -> dict[Path, str]:
    """Every generated file, by its path below the repository's root."""
    files: dict[Path, str] = {}
    for kind in KINDS:
        for folder, cel in ((Path("crds"), True), (Path("crds/no-cel"), False)):
            files[folder / f"{GROUP}_{kind.info.plural}.yaml"] = _HEADER + _yaml(render(kind, cel=cel))
    files[Path("docs/reference/crds.md")] = reference.page({kind: documented(kind) for kind in KINDS})
    return files


def _yaml(document: Schema) -> str:
    import yaml  # here, because production has no PyYAML

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


def write(root: Path) -> None:
    """Write every generated file below the root."""
    for path, text in generated().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def drift(root: Path) -> str:
    """A unified diff from what is below the root to what the models say; "" when they agree."""
    diff = ""
    for path, wanted in generated().items():
        target = root / path
        present = target.read_text(encoding="utf-8") if target.exists() else ""
        lines = difflib.unified_diff(
            present.splitlines(keepends=True), wanted.splitlines(keepends=True), f"a/{path}", f"b/{path}"
        )
        diff += "".join(lines)
    return diff


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: 0 when all is written or up to date, 1 with the diff on standard output when not."""
    parser = argparse.ArgumentParser(prog="python -m nfvi_ha.api.schema", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("command", choices=("write", "check"), help="write the files, or compare them")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    options = parser.parse_args(arguments)
    if options.command == "write":
        write(options.root)
        return 0
    difference = drift(options.root)
    sys.stdout.write(difference)
    if difference:
        sys.stderr.write("Generated files are out of date; run `make crds`.\n")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
