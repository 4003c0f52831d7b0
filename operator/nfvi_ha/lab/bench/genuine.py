"""Agents and seats that send only what is true, for the fuzz: each datagram with what a receiver must do with it."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final
from uuid import UUID

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.inputs import Method, Opinion, Outcome, Reach, Vote
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog, encode_beat
from nfvi_ha.core.wire.echo import EchoReply, encode_echo_reply
from nfvi_ha.core.wire.frame import FrameKind, cluster_id
from nfvi_ha.core.wire.goodbye import Goodbye, GoodbyeReason, encode_goodbye
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, encode_inventory, pack_entries
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.local_fault import LocalFault, pack
from nfvi_ha.core.wire.nonces import UNKNOWN, Nonces
from nfvi_ha.core.wire.probe import Found, ProbeResult, encode_probe_result
from nfvi_ha.core.wire.votes import SeatBeat, Told, VoteFrame, encode_seat_beat, encode_told, encode_vote

SEAT: Final = 1
OTHER_SEATS: Final = (0, 2)
CLUSTER: Final = cluster_id("fuzz")
OTHER_CLUSTER: Final = cluster_id("another")
NODES: Final = tuple(f"worker-{number}" for number in range(8))
NETWORKS: Final = 2
UNKNOWN_KEY_ID: Final = 99
_REPEATABLE: Final = frozenset({FrameKind.ECHO_REPLY, FrameKind.PROBE_RESULT})
"""Whether they were asked for, others find out."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """A datagram that its sender really made."""

    data: bytes
    kind: FrameKind
    node: str
    """"" of a seat's."""
    life: tuple[int, int] = (0, 0)
    """Incarnation and generation, of an inventory."""
    worthless: bool = False
    """Of another cluster, a key that is not known, or without the receiver's nonce."""


@dataclass(slots=True)
class Agent:
    """One node's agent. Mutable: its counters."""

    node: str
    boot_id: str
    incarnation: int = 1
    sequence: int = 0
    goodbyes: int = 0
    inventory_generation: int = 0
    fault_generation: int = 0
    faults: bytes = b""


class Senders:
    """Everybody who may send to one receiver.

    Args:
        random: decides everything.
        masters: by key id.
        vote_key: of the seats.
        nonce: the receiver's.
    """

    def __init__(self, random: Random, masters: dict[int, bytes], vote_key: bytes, nonce: int) -> None:
        self._random = random
        self._vote_key = vote_key
        self._nonces: Nonces = (random.getrandbits(64), nonce, random.getrandbits(64))
        all_ids = {**masters, UNKNOWN_KEY_ID: random.randbytes(32)}
        self.key_ids = tuple(masters)
        self.keys = {(node, key): node_key(master, node, key) for node in NODES for key, master in all_ids.items()}
        self.agents = {node: Agent(node, self._uuid()) for node in NODES}
        self.seats = dict.fromkeys(OTHER_SEATS, 1)
        """Their incarnations."""
        self._seat_sequence = 0
        self._makers = (*[self._beat] * 6, self._inventory, self._goodbye, self._echo, self._result, *[self._seat] * 3)

    def restart(self) -> Genuine | None:
        """Now and then one of them starts anew; a node then beats at once, with or without another boot."""
        random = self._random
        if random.random() < 0.05:
            self.seats[random.choice(OTHER_SEATS)] += 1
        if random.random() >= 0.2:
            return None
        agent = self._agent()
        boot = self._uuid() if random.random() < 0.5 else agent.boot_id
        self.agents[agent.node] = Agent(agent.node, boot, agent.incarnation + random.randint(1, 10**9))
        return self._beat(self.key_ids[0], CLUSTER, self._nonces, self.agents[agent.node])

    def next(self) -> Genuine:
        """The next true datagram: newer than all its sender made before."""
        random = self._random
        cluster, key_id, nonces = CLUSTER, random.choice(self.key_ids), self._nonces
        worthless = random.random() < 0.1
        if worthless:
            match random.randrange(3):
                case 0:
                    cluster = OTHER_CLUSTER
                case 1:
                    key_id = UNKNOWN_KEY_ID
                case _:
                    nonces = random.choice((UNKNOWN, (self._nonces[0], self._nonces[1] ^ 1, self._nonces[2])))
        made = random.choice(self._makers)(key_id, cluster, nonces)
        if made.kind in _REPEATABLE:
            worthless = worthless and nonces == self._nonces  # those carry none
        return replace(made, worthless=worthless)

    def accepts_again(self, frame: Genuine) -> bool:
        """Whether the receiver takes another copy of it, harmless as it is."""
        if frame.worthless:
            return False
        if frame.kind is FrameKind.INVENTORY:
            agent = self.agents[frame.node]
            return frame.life == (agent.incarnation, agent.inventory_generation)
        return frame.kind in _REPEATABLE

    def _beat(self, key_id: int, cluster: bytes, nonces: Nonces, agent: Agent | None = None) -> Genuine:
        random, agent = self._random, agent or self._agent()
        agent.sequence += 1
        if random.random() < 0.1:
            agent.faults = pack([self._fault(n + 1) for n in range(random.randrange(5))], 900).blob
            agent.fault_generation += 1
        beat = Beat(
            node=agent.node,
            boot_id=agent.boot_id,
            incarnation=agent.incarnation,
            sequence=agent.sequence,
            network=random.randrange(NETWORKS),
            flags=Flags(random.choice((1, 1, 1, 3, 9))),
            watchdog=Watchdog.ARMED,
            lag_ms=random.randrange(100),
            episode=0,
            fault_generation=agent.fault_generation,
            inventory_generation=agent.inventory_generation,
            nonces=nonces,
            faults=agent.faults,
        )
        return self._of(FrameKind.BEAT, agent, encode_beat(beat, self.keys[agent.node, key_id], key_id, cluster))

    def _inventory(self, key_id: int, cluster: bytes, nonces: Nonces) -> Genuine:
        agent, random = self._agent(), self._random
        # One of another cluster or key never reached this receiver; it does not count as this agent's last.
        generation = agent.inventory_generation + 1
        entries = [VmEntry(f"uid-{n}", "prod", f"web-{n}", "web", n) for n in range(random.randrange(4))]
        inventory = Inventory(
            agent.node, agent.boot_id, agent.incarnation, generation, 0, 1, nonces, pack_entries(entries)
        )
        if (nonces, cluster) == (self._nonces, CLUSTER) and key_id != UNKNOWN_KEY_ID:
            agent.inventory_generation = generation
        data = encode_inventory(inventory, self.keys[agent.node, key_id], key_id, cluster)
        return Genuine(data, FrameKind.INVENTORY, agent.node, (agent.incarnation, generation))

    def _goodbye(self, key_id: int, cluster: bytes, nonces: Nonces) -> Genuine:
        agent = self._agent()
        agent.goodbyes += 1
        reason = self._random.choice(list(GoodbyeReason))
        goodbye = Goodbye(agent.node, agent.boot_id, agent.incarnation, agent.goodbyes, reason, 10, nonces)
        data = encode_goodbye(goodbye, self.keys[agent.node, key_id], key_id, cluster)
        return self._of(FrameKind.GOODBYE, agent, data)

    def _echo(self, key_id: int, cluster: bytes, _nonces: Nonces) -> Genuine:
        agent = self._agent()
        reply = EchoReply(agent.node, self._random.getrandbits(64))
        data = encode_echo_reply(reply, self.keys[agent.node, key_id], key_id, cluster)
        return self._of(FrameKind.ECHO_REPLY, agent, data)

    def _result(self, key_id: int, cluster: bytes, _nonces: Nonces) -> Genuine:
        agent, random = self._agent(), self._random
        found = Found(0, random.choice(list(Method)), random.choice(list(Outcome)))
        result = ProbeResult(agent.node, random.getrandbits(64), random.choice(NODES), (found,))
        data = encode_probe_result(result, self.keys[agent.node, key_id], key_id, cluster)
        return self._of(FrameKind.PROBE_RESULT, agent, data)

    def _seat(self, key_id: int, cluster: bytes, nonces: Nonces) -> Genuine:
        random, seat = self._random, self._random.choice(OTHER_SEATS)
        wire_key_id = UNKNOWN_KEY_ID if key_id == UNKNOWN_KEY_ID else 0
        self._seat_sequence += 1
        head: tuple[int, int, int] = (seat, self.seats[seat], self._seat_sequence)
        match random.randrange(3):
            case 0:
                kind, beat = FrameKind.SEAT_BEAT, SeatBeat(*head, random.getrandbits(64), 8, 8, 0, nonces=nonces)
                data = encode_seat_beat(beat, self._vote_key, wire_key_id, cluster)
            case 1:
                kind, vote = FrameKind.VOTE, Vote(*head, random.choice(NODES), "", Opinion.SILENT, Reach.TCP, 0, 0)
                data = encode_vote(VoteFrame(vote, nonces), self._vote_key, wire_key_id, cluster)
            case _:
                kind, told = FrameKind.TOLD, Told(*head, "hypervisor-failed-1.0", ("vim",), nonces)
                data = encode_told(told, self._vote_key, wire_key_id, cluster)
        return Genuine(data, kind, "")

    def _fault(self, serial: int) -> LocalFault:
        kind = self._random.choice(list(FaultKind))
        return LocalFault(serial, kind, "Cause", Severity.MAJOR, Confidence.HIGH, True, 1, 0, vm_uid="uid")

    def _agent(self) -> Agent:
        return self.agents[self._random.choice(NODES)]

    def _of(self, kind: FrameKind, agent: Agent, data: bytes) -> Genuine:
        return Genuine(data, kind, agent.node)

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128) | 1))


def sender_keys(random: Random) -> tuple[dict[int, bytes], bytes]:
    """Two master keys by key id, as during a rotation, and a vote key."""
    return {1: random.randbytes(32), 2: random.randbytes(32)}, random.randbytes(32)
