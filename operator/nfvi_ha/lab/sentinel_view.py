"""What sentinels hold hypervisors for, by their own metrics."""

import asyncio
import time
from typing import Final

from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.network.client import Network
from nfvi_ha.lab.network.peek import fetch, samples
from nfvi_ha.lab.network.plan import Host
from nfvi_ha.lab.sentinels import PORT_FILE, SentinelSeats

STATES: Final = "nfvi_ha_sentinel_hypervisors"
POLL_SECONDS: Final = 0.2


async def metrics(network: Network, seats: SentinelSeats, seat: int) -> str:
    """What a sentinel says of itself, in Prometheus' format.

    Raises:
        OSError, TimeoutError, ValueError: it does not answer.
    """
    host = Host.sentinel(seat)
    ports = (seats.directory(seat) / PORT_FILE).read_text().split()
    address = (host.addresses(network.mode)["mgmt"], int(ports[-1]))
    return await fetch(network, host.name, address, "/metrics")


async def wait_seats(network: Network, seats: SentinelSeats, hypervisors: int, timeout_seconds: float) -> None:
    """Until every sentinel answers, and holds so many hypervisors for up.

    Raises:
        LabFailed: not in time; the message has what they said.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        seen = {name: await _states(network, seats, index) for index, name in enumerate(seats.names())}
        if all(states.get('state="Up"') == hypervisors for states in seen.values()):
            return
        if time.monotonic() > deadline:
            raise LabFailed(f"not every sentinel holds all {hypervisors} hypervisors for up: {seen}; see {seats.root}")
        await asyncio.sleep(POLL_SECONDS)


async def _states(network: Network, seats: SentinelSeats, seat: int) -> dict[str, float]:
    """By label; {} while it does not answer."""
    try:
        return samples(await metrics(network, seats, seat), STATES)
    except (OSError, TimeoutError, ValueError):
        return {}
