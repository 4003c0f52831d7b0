"""Which hypervisors are asked to probe a suspect one: healthy, and in other zones where possible."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from nfvi_ha.core.verdict.node import Node

LOOK_AT: Final = 64
"""Once there are enough candidates no more are looked at: a rack that falls silent makes hundreds of choices."""


def choose_peers(suspect: Node, names: Sequence[str], nodes: Mapping[str, Node], number: int, seat: int) -> list[str]:
    """Up to ``number`` peers, in an order that spreads the load and differs from seat to seat.

    Args:
        suspect: the hypervisor that is silent.
        names: all names, sorted.
        nodes: the records by name.
        number: how many to ask.
        seat: this seat: three seats ask nine peers.
    """
    total = len(names)
    start = bisect_left(names, suspect.name) + 1 + seat * number
    elsewhere: dict[str, str] = {}
    others: list[str] = []
    for offset in range(total):
        if offset >= LOOK_AT and len(elsewhere) + len(others) >= number:
            break
        node = nodes[names[(start + offset) % total]]
        if node is suspect or not node.steady or not node.governed:
            continue
        zone = node.facts.zone
        if zone != suspect.facts.zone and zone not in elsewhere:
            elsewhere[zone] = node.name
            if len(elsewhere) == number:
                break
        elif len(others) < 2 * number:
            others.append(node.name)
    # Where there are fewer other zones than peers: more of another zone before any of its own.
    others.sort(key=lambda name: nodes[name].facts.zone == suspect.facts.zone)
    return [*elsewhere.values(), *others][:number]
