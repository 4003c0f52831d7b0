"""Which interfaces are watched, and how each is."""

import fnmatch
from collections.abc import Collection, Iterable, Mapping

from nfvi_ha.agent.probes.link.sysfs import NetTree
from nfvi_ha.core.links.bond import Bond
from nfvi_ha.core.links.decision import Decision, Finding, Standing
from nfvi_ha.core.links.link_state import LinkState, LinkWatch


class Interfaces:
    """The carriers of one hypervisor.

    Args:
        tree: where they are read.
        declared: whose carriers are watched; None: adapters that were up once, bonds and their members.
        ignore: patterns of names that are not, where none are declared.
        of_paths: those of storage paths, which always are.
        once_up: those that are known to have been up, before this process began.
    """

    def __init__(
        self,
        tree: NetTree,
        declared: Collection[str] | None,
        ignore: Iterable[str],
        of_paths: Collection[str],
        once_up: Collection[str],
    ) -> None:
        self._tree = tree
        self._declared = declared
        self._ignore = tuple(ignore)
        self._of_paths = of_paths
        self._once_up = once_up
        self._standing = Standing()
        self.watched: dict[str, LinkWatch] = {}
        self.bonds: Mapping[str, Bond] = {}
        """As read last."""
        self.known: frozenset[str] = frozenset()
        """All that were there at the last search, watched or not."""

    def search(self) -> None:
        """Find interfaces that are new. Those that went are kept: that they are gone is what there is to say."""
        names = self._tree.names()
        self.known = frozenset(names)
        bonds = {name: self._tree.bond(name) for name in names}
        self.bonds = {name: bond for name, bond in bonds.items() if bond is not None}
        expected = {*self._of_paths, *(self._declared or ()), *self._members()}
        by_default = set(self._by_default(names)) if self._declared is None else set()
        for name in sorted(expected | by_default):
            if name not in self.watched:
                self.watched[name] = LinkWatch(name, expected=name in expected or name in self._once_up)

    def read(self, now: float) -> None:
        """Look at all carriers and bonds."""
        self.bonds = {name: self._tree.refreshed(bond) for name, bond in self.bonds.items()}
        for name in self.watched:
            self.sees(name, self._tree.state(name), now)

    def sees(self, name: str, state: LinkState, now: float) -> None:
        """One is so now; what its bond says of it counts, too."""
        if (watch := self.watched.get(name)) is not None:
            for bond in self.bonds.values():
                if name in bond.members:
                    state = bond.state_of(name, state)
            watch.sees(state, now)

    def state(self, name: str) -> LinkState:
        """As seen last."""
        watch = self.watched.get(name)
        return watch.state if watch is not None else LinkState.GONE

    def tick(self, now: float) -> list[Decision]:
        """What is new to say."""
        found = (watch.finding(now) for watch in self.watched.values())
        findings: list[Finding] = [finding for finding in found if finding is not None]
        return self._standing.update(findings)

    def _members(self) -> set[str]:
        of_paths = {name for name in self.bonds if name in self._of_paths}
        return {
            member
            for name, bond in self.bonds.items()
            if self._declared is None or name in of_paths
            for member in bond.members
        }

    def _by_default(self, names: Iterable[str]) -> Iterable[str]:
        for name in names:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._ignore):
                continue
            if name in self.bonds or self._tree.is_adapter(name):
                yield name
