"""Whether a host goes down, by what it leaves in its /run."""

from pathlib import Path

import pytest

from nfvi_ha.agent.beat.host_shutdown import goes_down


def answers(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """There is a systemctl that does that, and systemd has booted the host."""
    (directory / "systemd/system").mkdir(parents=True)
    systemctl = directory / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n{script}\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


@pytest.mark.parametrize("sign", ["systemd/shutdown/scheduled", "nologin"])
def test_a_host_that_says_so_goes_down(tmp_path: Path, sign: str) -> None:
    assert not goes_down(tmp_path)
    (tmp_path / sign).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / sign).touch()
    assert goes_down(tmp_path)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo stopping; exit 1", True),
        ("echo running", False),
        ("echo degraded; exit 1", False),
        ("exit 4", False),
        ("exec sleep 60", False),
    ],
)
def test_a_host_whose_systemd_stops_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: bool
) -> None:
    answers(tmp_path, monkeypatch, script)
    assert goes_down(tmp_path) is expected


def test_systemd_of_the_host_is_asked_not_that_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = f"unix:path={tmp_path}/dbus/system_bus_socket"
    answers(tmp_path, monkeypatch, f'test "$DBUS_SYSTEM_BUS_ADDRESS" = "{bus}" && echo stopping')
    assert goes_down(tmp_path)


def test_without_systemctl_or_systemd_nothing_goes_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not goes_down(tmp_path / "nowhere")
    (tmp_path / "systemd/system").mkdir(parents=True)
    assert not goes_down(tmp_path)
