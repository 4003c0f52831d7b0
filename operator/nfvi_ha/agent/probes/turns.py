"""Which processes to read in a search of the process table.

Reading every process each second would cost more than all the rest of a probe. So only those are read that are new,
that are young (a process gets its name by exec, some time after it got its pid), or whose turn it is: each is read
again every half minute, in case its pid changed hands between two searches.
"""

from collections.abc import Iterator
from typing import Final

TURNS: Final = 30
YOUNG_SCANS: Final = 5


class Turns:
    """Remembers in how many searches each pid was seen."""

    def __init__(self) -> None:
        self._scans_of: dict[int, int] = {}
        self._turn = 0

    def choose(self, pids: set[int], *, everything: bool = False) -> Iterator[int]:
        """Those to read now, of all that there are."""
        seen = self._scans_of
        self._scans_of = {pid: seen.get(pid, 0) + 1 for pid in pids}
        self._turn = (self._turn + 1) % TURNS
        for pid, scans in self._scans_of.items():
            if everything or scans <= YOUNG_SCANS or pid % TURNS == self._turn:
                yield pid
