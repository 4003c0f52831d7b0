"""Against KubeVirt's own CRDs, where NFVI_HA_UPSTREAM_CRDS names a directory that has them (kubevirt-*.yaml)."""

import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from .samples import EXAMPLE_NAMES, example

FOLDER = os.environ.get("NFVI_HA_UPSTREAM_CRDS", "")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

pytestmark = pytest.mark.skipif(not FOLDER, reason="NFVI_HA_UPSTREAM_CRDS is not set")


@pytest.fixture(scope="module")
def vmi_schema() -> dict[str, Any]:
    for path in Path(FOLDER).glob("kubevirt-*.yaml"):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=LOADER):
            if document and document["spec"]["names"]["kind"] == "VirtualMachineInstance":
                version = next(version for version in document["spec"]["versions"] if version["storage"])
                return dict(version["schema"]["openAPIV3Schema"])
    raise AssertionError(f"no VirtualMachineInstance CRD in {FOLDER}/kubevirt-*.yaml")


@pytest.mark.parametrize("name", [name for name in EXAMPLE_NAMES if name.startswith("vnfreplicaset")])
def test_template_of_example_is_a_vmi_to_kubevirt(vmi_schema: dict[str, Any], name: str) -> None:
    template = example(name)["spec"]["template"]

    problems = jsonschema.Draft4Validator(vmi_schema).iter_errors({"spec": template["spec"]})

    assert [problem.message for problem in problems] == []
    assert template["spec"].keys() <= vmi_schema["properties"]["spec"]["properties"].keys()
