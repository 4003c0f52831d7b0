"""The seats: who may vote, and whether this one may judge now."""

from nfvi_ha.core.verdict.policy import VerdictPolicy


class Seats:
    """Which incarnations of each seat were heard lately, and this seat's own health."""

    def __init__(self, own: int, total: int) -> None:
        self.own = own
        self.total = total
        self._heard: dict[int, dict[int, float]] = {}
        self._started: float | None = None
        self._abstain_until = float("-inf")
        self._deaf_at = float("-inf")

    def start(self, now: float) -> None:
        """The first call of all counts: from then on it warms up."""
        if self._started is None:
            self._started = now

    def heard(self, seat: int, incarnation: int, now: float, policy: VerdictPolicy) -> None:
        """A message of that seat. Of our own seat: somebody else believes to sit here."""
        if not 0 <= seat < self.total:
            return
        known = self._heard.setdefault(seat, {})
        known[incarnation] = now
        if len(known) > 1:
            for other in [i for i, at in known.items() if now - at > policy.seat_overlap_seconds]:
                del known[other]

    def may_vote(self, seat: int, incarnation: int, now: float, policy: VerdictPolicy) -> bool:
        """Whether that incarnation is the only one of its seat. Two at once: neither is believed."""
        lately = [i for i, at in self._heard.get(seat, {}).items() if now - at <= policy.seat_overlap_seconds]
        return seat != self.own and lately == [incarnation]

    def abstain(self, until: float) -> None:
        """This seat stood still."""
        self._abstain_until = max(self._abstain_until, until)

    def deaf(self, now: float) -> None:
        """This seat hears no hypervisor at all. Once it hears one again, the others must have the time to be heard."""
        self._deaf_at = now

    def judges_since(self, policy: VerdictPolicy, *, deaf: bool) -> float:
        """When its warm-up, its last abstention or its deafness ended: what was silent before is not its to judge."""
        started = float("-inf") if self._started is None else self._started
        since = max(started + policy.warm_up_seconds, self._abstain_until)
        return since if deaf else max(since, self._deaf_at + policy.suspect_slow_seconds)

    def may_judge(self, now: float, policy: VerdictPolicy, *, deaf: bool) -> bool:
        """Whether this seat is warm, did not just stand still, and is the only one of its number.

        A seat that hears nobody may judge: three that agree are right. It is believed less (``Tally.agreement``).
        """
        if self._started is None or now < self.judges_since(policy, deaf=deaf):
            return False
        return all(now - at > policy.seat_overlap_seconds for at in self._heard.get(self.own, {}).values())
