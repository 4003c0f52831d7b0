"""Hypervisors: what sentinels write of them, and the words for people made from it."""

from typing import Any

import pytest

from nfvi_ha.api import hypervisor

from .samples import example

STATUS: dict[str, Any] = {
    "state": "Down",
    "reason": "Silent",
    "since": "2026-01-15T10:20:30.412Z",
    "confidence": "high",
    "bootID": "5f0c2a4e-6b1d-4a57-9a0e-2d9c7f1b3e68",
    "vms": 12,
    "agents": [
        {
            "bootID": "5f0c2a4e-6b1d-4a57-9a0e-2d9c7f1b3e68",
            "version": "0.1.0",
            "incarnation": 1768472430412000000,
            "realTime": True,
            "probesDown": False,
            "lagMilliseconds": 3,
        }
    ],
    "agentSummary": "Silent",
    "hardware": [
        {
            "component": "memory/mc0",
            "fault": "hardware.degraded",
            "cause": "CorrectedErrors",
            "severity": "warning",
            "message": "14 corrected errors in an hour on DIMM A1; replace it",
            "since": "2026-01-15T09:20:30.412Z",
            "incident": "hardware-degraded-1f2e3d4c5b6a798897a6b5c4",
        }
    ],
    "hardwareSummary": "Degraded",
    "storagePaths": [],
    "watchdog": "None",
    "conditions": [],
}


def test_whole_object_survives_reading_and_writing() -> None:
    obj = {**example("hypervisor"), "status": STATUS}

    assert hypervisor.parse(obj).to_json() == obj


@pytest.mark.parametrize(
    ("faults", "word"),
    [((), "OK"), (("hardware.degraded",), "Degraded"), (("hardware.degraded", "hardware.failed"), "Failed")],
)
def test_the_word_for_the_hardware_is_the_worst(faults: tuple[str, ...], word: str) -> None:
    parts = [hypervisor.FaultyPart.model_validate({"component": "x", "fault": fault}) for fault in faults]

    assert hypervisor.hardware_summary(parts) == word


@pytest.mark.parametrize(
    ("state", "agents", "word"),
    [
        ("Up", (), None),
        ("Up", ({"realTime": True},), "RealTime"),
        ("Up", ({"realTime": False},), "TimeSharing"),
        ("Suspect", ({"realTime": True, "probesDown": True},), "ProbesDown"),
        ("AgentLost", ({"realTime": True},), "Silent"),
        (None, ({"realTime": True},), "RealTime"),
    ],
)
def test_the_word_for_the_agent(state: Any, agents: tuple[dict[str, bool], ...], word: str | None) -> None:
    found = tuple(hypervisor.AgentStatus.model_validate(agent) for agent in agents)

    assert hypervisor.agent_summary(state, found) == word
