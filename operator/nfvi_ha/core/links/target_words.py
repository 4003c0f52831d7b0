"""What is to be said of single targets: a warning, for it is their host's trouble rather than the path's."""

from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.links.decision import Finding
from nfvi_ha.core.links.link_state import RESTORE_SECONDS
from nfvi_ha.core.links.reach import NEVER_SECONDS, STRAY_SECONDS
from nfvi_ha.core.links.target import Target

SILENT: Final = "TargetSilent"
REFUSES: Final = "TargetRefuses"


class TargetWords:
    """Remembers which were told, for a target must answer for a second before it is well again."""

    def __init__(self, path: str, *, only: bool) -> None:
        self._path = path
        self._only = only
        """Whether the path has no other target."""
        self._told: dict[str, Finding] = {}

    def look(self, target: Target, now: float, *, path_well: bool) -> Finding | None:
        """The warning, while there is one. A path that is not well says enough by itself."""
        if target.steady_seconds(now) >= RESTORE_SECONDS:
            self._told.pop(target.name, None)
        elif target.name not in self._told and path_well:
            finding = self._judged(target, now)
            if finding is not None:
                self._told[target.name] = finding
        return self._told.get(target.name)

    def _judged(self, target: Target, now: float) -> Finding | None:
        if target.refusing_seconds(now) > STRAY_SECONDS:
            return self._finding(target, REFUSES, "its host is there, and no echo server listens")
        if target.asked_at is None or target.refuses(now):
            return None
        if target.proven and target.silent_seconds(now) > STRAY_SECONDS:
            hint = "; the only target, so perhaps the path is dead" if self._only else "; others answer"
            return self._finding(target, SILENT, f"silent for {STRAY_SECONDS:.0f} s{hint}")
        if not target.proven and now - target.asked_at > NEVER_SECONDS:
            return self._finding(target, SILENT, "has never answered since the agent began to ask it")
        return None

    def _finding(self, target: Target, cause: str, detail: str) -> Finding:
        component = f"path/{self._path}/target/{target.name}"
        return Finding(
            FaultKind.STORAGE_PATH_DEGRADED,
            component,
            cause,
            Severity.WARNING,
            f"{target.name}: {detail}",
            Confidence.LOW if self._only and cause == SILENT else Confidence.HIGH,
        )
