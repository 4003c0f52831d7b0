"""From an HAPolicy to the numbers that verdicts are reached by."""

from datetime import timedelta
from typing import Final

from nfvi_ha.api.hapolicy import HAPolicySpec

ALONE_MARGIN_SECONDS: Final = 0.15
"""So much longer than for a verdict must a seat wait that speaks for itself alone: the others may just be slow."""


def verdict_figures(spec: HAPolicySpec) -> dict[str, float]:
    """Fields of ``core.verdict.policy.VerdictPolicy`` that the policy sets, in seconds and fractions."""
    beat, storm, goodbye = spec.heartbeat, spec.storm_protection, spec.goodbye
    confirm_seconds = _seconds(beat.confirm_within)
    return {
        "suspect_seconds": _seconds(beat.suspect_after),
        "suspect_slow_seconds": _seconds(beat.suspect_after_slow),
        "confirm_seconds": confirm_seconds,
        "alone_seconds": round(confirm_seconds + ALONE_MARGIN_SECONDS, 3),
        "warm_up_seconds": _seconds(beat.warm_up),
        "return_seconds": _seconds(beat.return_after),
        "mass_window_seconds": _seconds(storm.window),
        "mass_minimum": storm.max_failed,
        "mass_fraction": storm.max_failed_percent / 100,
        "min_healthy": storm.min_healthy_percent / 100,
        "goodbye_upgrade_seconds": _seconds(goodbye.upgrade),
        "goodbye_reboot_seconds": _seconds(goodbye.reboot),
    }


def _seconds(value: timedelta) -> float:
    return value.total_seconds()
