"""What a lab's own process does when asked: the faults that only the one who started a process can make."""

from typing import Any

from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.nfvi import Nfvi


class LabDesk:
    """Answers on the control socket of the lab's state directory."""

    def __init__(self, plane: ControlPlane, nfvi: Nfvi) -> None:
        self._plane = plane
        self._nfvi = nfvi

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do it; an error says why not."""
        try:
            match request["do"]:
                case "power-on":
                    self._nfvi.power_on(request["node"])
                case "apiserver":
                    await self._apiserver(up=request["up"])
                case other:
                    return {"error": f"no such request: {other}"}
        except (LabFailed, ControlPlaneError) as error:
            return {"error": str(error)}
        return {"done": True}

    async def _apiserver(self, *, up: bool) -> None:
        if up:
            await self._plane.start_apiserver()
        else:
            await self._plane.stop_apiserver(grace_seconds=0)
