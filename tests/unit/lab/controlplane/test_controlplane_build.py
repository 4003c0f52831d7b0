"""The parts of the build that can go wrong without a compiler."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from nfvi_ha.lab.controlplane.debian import DebianBuild, marked_packages, why_not
from nfvi_ha.lab.controlplane.errors import AssetsUnavailable, BuildFailed
from nfvi_ha.lab.controlplane.progress import silent
from nfvi_ha.lab.controlplane.steps import Steps


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def debian_release(tmp_path: Path) -> Path:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Debian GNU/Linux"\nID=debian\nVERSION_CODENAME=bookworm\n')
    return path


def test_other_systems_are_told_what_would_help(tmp_path: Path) -> None:
    fedora = tmp_path / "os-release"
    fedora.write_text("ID=fedora\n")

    assert "KUBEBUILDER_ASSETS" in why_not(os_release=fedora, root=tmp_path)
    assert "Debian" in why_not(os_release=tmp_path / "missing", root=tmp_path)


def test_full_disk_is_noticed_before_anything_is_fetched(
    tmp_path: Path, debian_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    cache = tmp_path / "not" / "made" / "yet"

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 2 * 10**9))
    assert "needs 3 GB free" in why_not(os_release=debian_release, root=cache)

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 4 * 10**9))
    assert why_not(os_release=debian_release, root=cache) == ""


def test_missing_dpkg_source_is_named_with_the_remedy_where_we_may_not_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    build = DebianBuild(
        tmp_path, progress=silent, cancelled=threading.Event(), environment={}, log=tmp_path / "build.log"
    )

    with pytest.raises(AssetsUnavailable, match="apt-get install dpkg-dev"):
        build.make(tmp_path)


def test_next_mirror_is_asked_when_one_lacks_what_we_need(tmp_path: Path) -> None:
    """A stand-in for apt-get that has everything, but not on the machine's own mirror."""
    (tmp_path / "bin").mkdir()
    apt_get = tmp_path / "bin" / "apt-get"
    apt_get.write_text(
        "#!/bin/sh\n"
        'for word; do case "$word" in -oDir::Etc::sourceparts=*) parts=${word#*=} ;; esac; done\n'
        'if grep -q own.example "$parts/lab.sources"; then echo "E: no such suite"; exit 100; fi\n'
        'if [ "$word" = kubernetes ]; then touch kubernetes_1.dsc; fi\n'
    )
    apt_get.chmod(0o755)
    (tmp_path / "etc" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "etc" / "sources.list").write_text("deb http://own.example/debian bookworm main\n")
    told: list[str] = []
    build = DebianBuild(
        tmp_path,
        progress=lambda step, message, fraction=None: told.append(message),
        cancelled=threading.Event(),
        environment={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
        apt_directory=tmp_path / "etc",
        log=tmp_path / "build.log",
    )

    build._fetch()

    assert (tmp_path / "packages" / "kubernetes_1.dsc").exists()
    assert [message for message in told if "own.example" in message and "no such suite" in message]


def test_packages_that_ask_for_definitions_are_found_by_their_mark(tmp_path: Path) -> None:
    marked = "// +k8s:openapi-gen=true\n\npackage x\n"
    for path, text in {
        "pkg/apis/abac/v0/doc.go": marked,
        "pkg/apis/abac/v0/types.go": marked,
        "pkg/other/doc.go": "package other // mentions +k8s:openapi-gen=true\n",
        "pkg/only/in_test.go": marked,
        "pkg/generated/openapi/doc.go": marked,
        "staging/src/k8s.io/api/core/v1/doc.go": marked,
        "staging/src/k8s.io/api/testdata/v1/doc.go": marked,
        "staging/src/k8s.io/code-generator/x/doc.go": marked,
        "staging/src/k8s.io/sample-apiserver/x/doc.go": marked,
        "vendor/elsewhere/doc.go": marked,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    assert marked_packages(tmp_path) == [
        "k8s.io/kubernetes/pkg/apis/abac/v0",
        "k8s.io/kubernetes/vendor/k8s.io/api/core/v1",
    ]


@pytest.mark.parametrize(
    ("changelog", "release"),
    [
        ("kubernetes (1.20.5+really1.20.2-1.1) unstable; urgency=medium", "1.20.2"),
        ("kubernetes (1.20.4-2) unstable; urgency=medium", "1.20.4"),
        ("kubernetes (1.32.3+ds-2) unstable; urgency=medium", None),
        ("something else", None),
    ],
)
def test_release_is_read_from_the_changelog_and_must_be_the_one_this_recipe_is_for(
    tmp_path: Path, changelog: str, release: str | None
) -> None:
    build = DebianBuild(
        tmp_path, progress=silent, cancelled=threading.Event(), environment={}, log=tmp_path / "build.log"
    )
    path = tmp_path / "go/src/k8s.io/kubernetes/debian/changelog"
    path.parent.mkdir(parents=True)
    path.write_text(changelog + "\n\n  * entry\n")

    if release is None:
        with pytest.raises(BuildFailed, match=r"1\.20 alone"):
            build._version()
    else:
        assert build._version() == release


def test_failed_step_tells_its_name_and_last_words_and_keeps_the_log(tmp_path: Path) -> None:
    steps = Steps(tmp_path / "build.log", silent, threading.Event())
    program = "import sys; [print('line', n) for n in range(100)]; sys.exit('disk on fire')"

    with pytest.raises(BuildFailed, match=r"(?s)compiling failed.*exited 1.*line 99.*disk on fire") as failed:
        steps.run("compiling", [sys.executable, "-c", program], cwd=tmp_path)

    assert "line 10\n" not in str(failed.value)
    assert "line 10\n" in (tmp_path / "build.log").read_text()


def test_output_lines_are_counted_while_a_step_runs(tmp_path: Path) -> None:
    counted: list[int] = []
    steps = Steps(tmp_path / "build.log", silent, threading.Event())

    steps.run("listing", [sys.executable, "-c", "print('a\\nb\\nc')"], cwd=tmp_path, on_line=counted.append)

    assert counted == [1, 2, 3]


def test_cancelled_step_ends_with_all_its_children(tmp_path: Path) -> None:
    cancelled = threading.Event()
    steps = Steps(tmp_path / "build.log", silent, cancelled)
    program = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); child.wait()"
    )
    child: list[int] = []

    def started(_: int) -> None:
        child.append(int((tmp_path / "build.log").read_text().split()[-1]))
        cancelled.set()

    with pytest.raises(BuildFailed, match="cancelled while compiling"):
        steps.run("compiling", [sys.executable, "-c", program], cwd=tmp_path, on_line=started)

    deadline = time.monotonic() + 10
    while _alive(child[0]):
        assert time.monotonic() < deadline, "the step's child lives on"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False
