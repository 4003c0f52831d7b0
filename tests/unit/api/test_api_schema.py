"""The rendered CRDs: what the API server asks of them, and that the committed files are what the models say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from nfvi_ha.api import schema
from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.structural import CEL_KEY

from .samples import EXAMPLE_NAMES, MODELS, ROOT, documents, example

VARIANTS = [(kind, cel) for kind in schema.KINDS for cel in (True, False)]
IDS = [f"{kind.info.kind}-{'cel' if cel else 'no-cel'}" for kind, cel in VARIANTS]


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below a schema, with its path."""
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], f"{path}[]")


def test_committed_files_are_what_the_models_say() -> None:
    assert schema.drift(ROOT) == "", "run `make crds`"


def test_no_generated_file_is_left_over() -> None:
    committed = {path.relative_to(ROOT) for path in (ROOT / "crds").rglob("*.yaml")}

    assert committed == {path for path in schema.generated() if path.suffix == ".yaml"}


def test_rendering_is_deterministic() -> None:
    assert schema.generated() == schema.generated()


def test_check_fails_with_the_difference_until_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--root", str(tmp_path)]

    assert schema.main(["check", *arguments]) == 1
    assert "+kind: CustomResourceDefinition" in capsys.readouterr().out
    assert schema.main(["write", *arguments]) == 0
    assert schema.main(["check", *arguments]) == 0
    page = tmp_path / "docs" / "reference" / "crds.md"
    page.write_text(page.read_text().replace("VNF", "VFN"))
    assert schema.main(["check", *arguments]) == 1


@pytest.mark.parametrize(("kind", "cel"), VARIANTS, ids=IDS)
def test_every_node_has_one_type_and_nothing_foreign(kind: type[KubeObject], cel: bool) -> None:
    for path, node in nodes(schema.open_api(kind, cel=cel)):
        assert ("type" in node) != ("x-kubernetes-int-or-string" in node), path
        assert not node.keys() & {"$ref", "$defs", "title", "anyOf", "oneOf", "nullable", "const"}, path
        assert not ("properties" in node and "additionalProperties" in node), path
        for required in node.get("required", []):
            assert required in node["properties"], path


@pytest.mark.parametrize(("kind", "cel"), VARIANTS, ids=IDS)
def test_list_map_keys_are_required(kind: type[KubeObject], cel: bool) -> None:
    for path, node in nodes(schema.open_api(kind, cel=cel)):
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


@pytest.mark.parametrize("kind", schema.KINDS)
def test_every_field_is_documented(kind: type[KubeObject]) -> None:
    for path, node in nodes(schema.open_api(kind)):
        if path.startswith((".spec", ".status")) and not path.endswith("[]"):
            assert node["description"].endswith((".", ")")), path


@pytest.mark.parametrize("kind", schema.KINDS)
def test_everything_that_cel_may_look_at_is_bounded(kind: type[KubeObject]) -> None:
    unbounded_by_design = {".spec.template.metadata.annotations[]"}
    for path, node in nodes(schema.open_api(kind)["properties"]["spec"], ".spec"):
        if node.get("type") == "string" and path not in unbounded_by_design:
            assert node.keys() & {"maxLength", "enum", "format"}, path
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


@pytest.mark.parametrize("kind", schema.KINDS)
def test_status_has_no_defaults(kind: type[KubeObject]) -> None:
    for path, node in nodes(schema.open_api(kind)["properties"]["status"]):
        assert "default" not in node, path


@pytest.mark.parametrize("kind", schema.KINDS)
def test_variant_without_cel_differs_in_nothing_else(kind: type[KubeObject]) -> None:
    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(value) for key, value in node.items() if key != CEL_KEY}
        return [bare(item) for item in node] if isinstance(node, list) else node

    with_cel, without_cel = schema.render(kind), schema.render(kind, cel=False)

    assert CEL_KEY not in str(without_cel)
    assert bare(with_cel) == without_cel


@pytest.mark.parametrize("kind", schema.KINDS)
def test_every_rule_says_what_to_do_in_one_line(kind: type[KubeObject]) -> None:
    for path, node in nodes(schema.open_api(kind)):
        for rule in node.get(CEL_KEY, []):
            assert rule["rule"], path
            assert "\n" not in rule["message"], path
            assert len(rule["message"]) > 30, path


@pytest.mark.parametrize("kind", schema.KINDS)
def test_columns_read_fields_that_exist(kind: type[KubeObject]) -> None:
    known = {path for path, _ in nodes(schema.open_api(kind))} | {".metadata.creationTimestamp"}

    for column in kind.info.columns:
        path = re.sub(r"\[\?\(.*\)\]", "[]", column.json_path)
        assert path.replace("[].", "[].") in known, column


def test_scale_reads_and_writes_fields_that_exist() -> None:
    crd = schema.render(MODELS["VNFReplicaSet"])
    version = crd["spec"]["versions"][0]
    known = {path for path, _ in nodes(version["schema"]["openAPIV3Schema"])}

    assert version["subresources"]["status"] == {}
    assert set(version["subresources"]["scale"].values()) <= known


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_example_is_valid_by_model_and_crd(name: str) -> None:
    obj = example(name)
    model = MODELS[obj["kind"]]

    model.parse(obj)

    validator = jsonschema.Draft4Validator(schema.open_api(model))
    assert not list(validator.iter_errors(obj))


@pytest.mark.parametrize("kind", schema.KINDS)
def test_there_is_an_example_of_each_kind(kind: type[KubeObject]) -> None:
    assert kind.info.kind in {example(name)["kind"] for name in EXAMPLE_NAMES}


def test_secrets_an_example_names_come_with_it_and_say_where_they_may_go() -> None:
    endpoint, *secrets = documents("vimendpoint")
    spec = endpoint["spec"]

    by_name = {secret["metadata"]["name"]: secret for secret in secrets}
    assert set(by_name) == {spec["auth"]["hmac"]["secretName"], spec["tls"]["caSecretName"]}
    assert spec["auth"]["hmac"]["keyId"] in by_name[spec["auth"]["hmac"]["secretName"]]["stringData"]
    for secret in secrets:
        assert secret["metadata"]["annotations"]["nfvi-ha.io/allowed-hosts"] == "vim.example.com:8443"


def test_written_yaml_reads_as_it_was_rendered() -> None:
    for path, text in schema.generated().items():
        if path.suffix == ".yaml":
            cel = path.parent.name != "no-cel"
            kind = yaml.safe_load(text)["spec"]["names"]["kind"]
            assert yaml.safe_load(text) == schema.render(MODELS[kind], cel=cel)
