import pytest

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.links.audit import audit
from nfvi_ha.core.links.bond import Bond

TWO = {"eth0": "0000:3b:00", "eth1": "0000:af:00"}


def bond(mode: str = "active-backup", **settings: int | bool) -> Bond:
    return Bond("bond0", mode, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "seen", "cause", "words"),
    [
        ({"eth0": ""}, None, "NoRedundancy", "eth0 has one member only"),
        ({}, bond(), "NoRedundancy", "has no member"),
        ({"eth0": "0000:3b:00", "eth1": "0000:3b:00"}, None, "NoRedundancy", "ports of one NIC (0000:3b:00)"),
        (TWO, bond(), "NoRedundancy", "does not look at its links"),
        (TWO, bond(miimon_ms=100), "SilentLossUndetected", "set arp_interval=100"),
        (TWO, bond("balance-xor", miimon_ms=100), "SilentLossUndetected", "balance-xor"),
        (TWO, bond("802.3ad", miimon_ms=100), "SilentLossUndetected", "lacp_rate slow"),
        (TWO, bond(miimon_ms=100, down_delay_ms=1000), "FailoverTooSlow", "100+1000 ms"),
        (TWO, bond(arp_interval_ms=1000), "FailoverTooSlow", "arp_interval 1000 ms"),
        (TWO, bond(arp_interval_ms=100), "", ""),
        (TWO, bond("802.3ad", miimon_ms=100, fast_lacp=True), "", ""),
        (TWO, None, "", ""),
        ({"veth0": "", "veth1": ""}, None, "", ""),
    ],
)
def test_what_is_wrong_with_how_a_path_is_built(
    members: dict[str, str], seen: Bond | None, cause: str, words: str
) -> None:
    finding = audit("ceph", members, seen, "bond0" if seen else "+".join(members))
    if not cause:
        assert finding is None
        return
    assert finding is not None
    assert (finding.kind, finding.component) == (FaultKind.STORAGE_PATH_DEGRADED, "path/ceph/configuration")
    assert (finding.cause, finding.severity) == (cause, Severity.WARNING)
    assert words in finding.detail
    assert len(finding.detail) <= 120
