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

    def judges_since(self, policy: VerdictPolicy) -> float:
        """When its warm-up or its last abstention ended: what the others said before it did not hear, or not count."""
        started = float("-inf") if self._started is None else self._started
        return max(started + policy.warm_up_seconds, self._abstain_until)

    def may_judge(self, now: float, policy: VerdictPolicy) -> bool:
        """Whether this seat is warm, did not just stand still, and is the only one of its number."""
        if self._started is None or now < self.judges_since(policy):
            return False
        return all(now - at > policy.seat_overlap_seconds for at in self._heard.get(self.own, {}).values())
