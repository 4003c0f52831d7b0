"""values.yaml is documented, its schema knows every key, and knows no others."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from nfvi_ha.cli.helm import Helm
from tests.chart.rendering import CHART, VALUES

KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):(?P<value>.*)$")


def test_every_option_is_explained() -> None:
    """An option is a key without keys of ours below it; a comment beginning with "--" is above each."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    options = {path for path, _ in leaves(json.loads((CHART / "values.schema.json").read_text()))}
    parents: list[str] = []
    unexplained = []
    for number, line in enumerate(lines):
        found = KEY.match(line)
        if found is None:
            continue
        parents = [*parents[: len(found["indent"]) // 2], found["key"]]
        if ".".join(parents) in options and not lines[number - 1].lstrip().startswith("# -- "):
            unexplained.append(".".join(parents))
    assert not unexplained


def test_schema_knows_exactly_the_options_that_there_are() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(shape(values, schema)) == {path for path, _ in leaves(schema)} - {"global"}


def test_schema_is_a_schema_and_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    jsonschema.Draft7Validator.check_schema(schema)
    assert all(part["additionalProperties"] is False for part in objects_of(schema))


@pytest.mark.parametrize("values", [path for path in VALUES if path])
def test_example_values_are_accepted(values: Any) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    jsonschema.validate(yaml.safe_load(values.read_text()), schema)


@pytest.mark.parametrize(
    "wrong",
    [
        "replicas=3",
        "image.name=x",
        "operator.verbose=true",
        "metrics.serviceMonitor.enable=true",
        "crds.install=true",
        "replicaCount=-1",
        "replicaCount=two",
        "operator.logLevel=loud",
        "operator.port=0",
        "image.digest=sha256:abc",
        "image.repository=",
        "runAsUser=0",
        "antiAffinity=maybe",
        "terminationGracePeriodSeconds=1",
        "podDisruptionBudget.maxUnavailable=half",
        "resources.limit.memory=1Gi",
        "tolerations[0].tolerationSecond=3",
    ],
)
def test_wrong_values_are_refused(helm: Helm, wrong: str) -> None:
    done = helm.run("template", "nfvi-ha", str(CHART), "--set", wrong)

    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr


def test_values_of_a_parent_chart_do_no_harm(helm: Helm) -> None:
    assert helm.run("template", "nfvi-ha", str(CHART), "--set", "global.anything=1").returncode == 0


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Options by path: what is no object, or an object whose keys are the user's, or resources as a whole."""
    for name, part in schema["properties"].items():
        inner = f"{path}.{name}".lstrip(".")
        if "properties" in part and name != "resources":
            yield from leaves(part, inner)
        else:
            yield inner, part


def shape(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    known = {name for name, _ in leaves(schema)}
    for name, value in values.items():
        inner = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict) and inner not in known:
            yield from shape(value, schema, inner)
        else:
            yield inner


def objects_of(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield schema
        for part in schema.values():
            yield from objects_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects_of(part)
