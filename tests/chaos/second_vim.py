"""A second VIM, which is the one to fall ill: the lab's own stays well beside it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chaos_world import ChaosWorld

from nfvi_ha.kube.resources import VIMENDPOINTS
from nfvi_ha.lab.controlplane.ports import PortHold
from nfvi_ha.lab.objects import condition_of
from nfvi_ha.lab.vim import KEY_ID, register_endpoint
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings

NAME = "sick"


class SecondVim:
    """A receiver that can be taken away and comes back on the same port, with what it had received."""

    def __init__(self) -> None:
        self._hold = PortHold()
        self.key = secrets.token_hex(32)
        settings = ReceiverSettings(port=self._hold.port, keys={KEY_ID: self.key.encode()})
        self.receiver = Receiver(settings)

    async def up(self) -> str:
        """Listen; its URL."""
        self._hold.release()
        return await self.receiver.start()

    async def down(self) -> None:
        """Close every connection; who connects is refused."""
        port = self._hold.port
        await self.receiver.stop()
        self._hold = PortHold(port)

    def accepted(self) -> dict[str, int]:
        """How often each id was answered with 2xx."""
        counts: dict[str, int] = {}
        for record in self.receiver.records:
            if record.accepted:
                counts[record.id] = counts.get(record.id, 0) + 1
        return counts

    async def close(self) -> None:
        await self.receiver.stop()
        self._hold.release()


@asynccontextmanager
async def second_vim(world: ChaosWorld, **spec: Any) -> AsyncIterator[SecondVim]:
    """Registered and reachable. ``spec``: more of its VIMEndpoint's."""
    vim = SecondVim()
    try:
        url = await vim.up()
        await register_endpoint(world.client, url, vim.key, name=NAME, secret_name="sick-vim-hmac", **spec)

        async def unreachable() -> str:
            endpoint = await world.client.get(VIMENDPOINTS, NAME)
            return "" if (condition_of(endpoint, "Reachable") or {}).get("status") == "True" else str(endpoint)

        await world.eventually(unreachable, "the second VIM is reachable", 20.0)
        yield vim
    finally:
        await vim.close()
