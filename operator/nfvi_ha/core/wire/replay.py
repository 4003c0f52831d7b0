"""Which authentic frames are news: made after our start, and not heard before.

A frame is judged by two things. Its nonce proves that it was made after this sentinel started, so records from before
are worthless. Its incarnation (the sender's start, ns of its wall clock) and sequence prove that it is newer than all
that came since. Only a proven frame moves the window, so replaying old ones cannot shut the sender out.

A node whose clock went back before a reboot has an incarnation that looks old. It is answered with the greater one, and
steps over it (``Answer.incarnation``).
"""

from enum import IntEnum


class Freshness(IntEnum):
    """What a frame is worth."""

    FRESH = 0
    UNPROVEN = 1
    """Without our nonce: to be answered, so that the sender learns it, and otherwise worth nothing."""
    REPLAYED = 2
    """Not newer than one we had in the same stream: a copy, or overtaken on the way."""
    STALE = 3
    """Of an older incarnation or boot: to be answered, for the node's clock may have gone back; worth nothing."""


class Window:
    """What was heard last from one sender. Mutable; not for several threads."""

    __slots__ = ("boot", "incarnation", "last", "newest")

    def __init__(self) -> None:
        self.boot: bytes | str = ""
        self.incarnation = -1
        self.last: dict[int, int] = {}
        """By stream (a network's index; others as the caller likes): the greatest sequence."""
        self.newest = -1
        """The greatest sequence of any stream."""

    def judge(
        self, boot: bytes | str, incarnation: int, stream: int, sequence: int, *, proven: bool, repeats: bool = False
    ) -> Freshness:
        """Judge a frame, and remember it if it is fresh.

        Streams have sequences of their own: the same beat over two networks is fresh on both. With ``repeats`` the
        last sequence again is fresh, too (parts of one inventory, which is sent again and again).
        """
        if not proven:
            return Freshness.UNPROVEN
        if incarnation == self.incarnation:
            if boot != self.boot:
                return Freshness.STALE
            last = self.last.get(stream, -1)
            if sequence < last or (sequence == last and not repeats):
                return Freshness.REPLAYED
        elif incarnation < self.incarnation:
            return Freshness.STALE
        else:
            self.boot, self.incarnation, self.newest = boot, incarnation, -1
            self.last.clear()
        self.last[stream] = sequence
        if sequence > self.newest:
            self.newest = sequence
        return Freshness.FRESH

    def advance(self, stream: int, sequence: int) -> bool:
        """Judge a frame that is known to be proven and of this boot and incarnation: True when it is fresh."""
        if sequence <= self.last.get(stream, -1):
            return False
        self.last[stream] = sequence
        if sequence > self.newest:
            self.newest = sequence
        return True
