from dataclasses import asdict, fields
from datetime import timedelta

from nfvi_ha.api.hapolicy import DEFAULT, Goodbye, HAPolicySpec, Heartbeat, StormProtection
from nfvi_ha.core.policy_figures import verdict_figures
from nfvi_ha.core.verdict.policy import VerdictPolicy


def test_without_any_policy_verdicts_are_reached_by_their_own_defaults() -> None:
    figures = verdict_figures(DEFAULT)

    assert set(figures) <= {field.name for field in fields(VerdictPolicy)}
    assert figures == {name: value for name, value in asdict(VerdictPolicy()).items() if name in figures}


def test_every_figure_of_the_policy_reaches_the_verdicts() -> None:
    second = timedelta(seconds=1)
    spec = HAPolicySpec(
        heartbeat=Heartbeat(
            suspect_after=2 * second,
            suspect_after_slow=3 * second,
            confirm_within=4 * second,
            warm_up=5 * second,
            return_after=6 * second,
        ),
        storm_protection=StormProtection(
            window=7 * second, max_failed=8, max_failed_percent=25, min_healthy_percent=75
        ),
        goodbye=Goodbye(upgrade=9 * second, reboot=10 * second),
    )

    assert verdict_figures(spec) == {
        "suspect_seconds": 2.0,
        "suspect_slow_seconds": 3.0,
        "confirm_seconds": 4.0,
        "alone_seconds": 4.15,
        "warm_up_seconds": 5.0,
        "return_seconds": 6.0,
        "mass_window_seconds": 7.0,
        "mass_minimum": 8,
        "mass_fraction": 0.25,
        "min_healthy": 0.75,
        "goodbye_upgrade_seconds": 9.0,
        "goodbye_reboot_seconds": 10.0,
    }
