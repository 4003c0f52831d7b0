from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.links.link_state import LinkState, LinkWatch


def test_interface_that_was_never_up_is_nobodys_business() -> None:
    watch = LinkWatch("eth3", expected=False)
    watch.sees(LinkState.NO_CARRIER, 1.0)
    assert watch.finding(2.0) is None
    watch.sees(LinkState.UP, 3.0)
    watch.sees(LinkState.NO_CARRIER, 4.0)
    assert watch.finding(4.0) is not None


def test_lost_carrier_is_told_at_once_and_cleared_after_a_second() -> None:
    watch = LinkWatch("eth0", expected=True)
    watch.sees(LinkState.NO_CARRIER, 1.0)
    finding = watch.finding(1.0)
    assert finding is not None
    assert (finding.kind, finding.component, finding.cause) == (FaultKind.LINK_DOWN, "link/eth0", "NoCarrier")
    assert (finding.severity, finding.detail) == (Severity.MAJOR, "eth0 has no carrier")
    watch.sees(LinkState.UP, 2.0)
    assert watch.finding(2.9) == finding
    assert watch.finding(3.0) is None


def test_flap_begins_the_second_anew() -> None:
    watch = LinkWatch("eth0", expected=True)
    watch.sees(LinkState.NO_CARRIER, 1.0)
    watch.sees(LinkState.UP, 2.0)
    watch.sees(LinkState.NO_CARRIER, 2.9)
    watch.sees(LinkState.UP, 3.0)
    assert watch.finding(3.9) is not None
    assert watch.finding(4.0) is None


def test_interface_that_somebody_set_down_is_a_warning() -> None:
    watch = LinkWatch("eth0", expected=True)
    watch.sees(LinkState.SET_DOWN, 1.0)
    finding = watch.finding(1.0)
    assert finding is not None
    assert (finding.cause, finding.severity) == ("SetDown", Severity.WARNING)
