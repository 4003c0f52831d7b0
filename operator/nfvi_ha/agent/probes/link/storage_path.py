"""One declared storage path: what is read of it, whom it asks, and when."""

from nfvi_ha.agent.probes.link.echo import EchoTarget
from nfvi_ha.agent.probes.link.interfaces import Interfaces
from nfvi_ha.agent.probes.link.settings import StoragePathSetting, parse_target
from nfvi_ha.agent.probes.link.sysfs import NetTree
from nfvi_ha.core.links.audit import audit
from nfvi_ha.core.links.failover import PathSight
from nfvi_ha.core.links.link_state import LinkState
from nfvi_ha.core.links.path import PathWatch


class StoragePath:
    """Between the files of the kernel and the state machine."""

    def __init__(self, setting: StoragePathSetting) -> None:
        self.setting = setting
        self.targets = tuple(parse_target(text) for text in setting.targets)
        self.watch = PathWatch(setting.name, [target.name for target in self.targets])
        self.route = ""
        """The interface that leads to the first target now, as found last; not used where there is a bond."""
        self.due = 0.0
        """When to ask next."""

    @property
    def interfaces(self) -> set[str]:
        """Interfaces that it is declared by."""
        return {self.setting.bond} if self.setting.bond else set(self.setting.interfaces)

    @property
    def routed_to(self) -> EchoTarget | None:
        """Whose route tells the active member; None where the bond does, or where nobody is asked."""
        return self.targets[0] if self.targets and not self.setting.bond and len(self.setting.interfaces) > 1 else None

    def look(self, interfaces: Interfaces, now: float) -> None:
        """Tell the state machine how its members are, as the interfaces were read last."""
        self.watch.sees(self._sight(interfaces), now)

    def audit(self, interfaces: Interfaces, tree: NetTree) -> None:
        """Look at how it is built."""
        name = self.setting.bond
        bond = interfaces.bonds.get(name) if name else None
        members = tuple(bond.members) if bond is not None else self.setting.interfaces
        adapters = {member: tree.adapter(member) for member in members}
        declared = name or "+".join(self.setting.interfaces)
        self.watch.audited(audit(self.setting.name, adapters, bond, declared))

    def _sight(self, interfaces: Interfaces) -> PathSight:
        name = self.setting.bond
        if not name:
            states = {each: interfaces.state(each) for each in self.setting.interfaces}
            return PathSight(states, self.route if self.route in states else "")
        bond = interfaces.bonds.get(name)
        if bond is None:
            return PathSight({name: LinkState.GONE})
        if interfaces.state(name) is LinkState.SET_DOWN:
            return PathSight(dict.fromkeys(bond.members, LinkState.SET_DOWN))
        return PathSight({member: interfaces.state(member) for member in bond.members}, bond.active)
