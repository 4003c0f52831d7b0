"""Free loopback ports, and holding one while its server is down."""

import socket

from nfvi_ha.lab.controlplane.flags import LOOPBACK, Ports


class PortHold:
    """Keeps a port ours while nothing listens on it: who connects is refused, and the kernel gives it to nobody else.

    It hands out ports of this range to any client that dials, so a stopped server's could be gone when it returns.
    """

    def __init__(self, port: int = 0) -> None:
        """Takes ``port``, or any free one. Raises OSError when it is taken."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((LOOPBACK, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Lets go of it; twice is fine."""
        self._socket.close()


def choose() -> Ports:
    """Three different ports that are free now. Somebody may still come first: the caller retries."""
    holds = [PortHold() for _ in range(3)]
    for hold in holds:
        hold.release()
    apiserver, client, peer = (hold.port for hold in holds)
    return Ports(apiserver=apiserver, etcd_client=client, etcd_peer=peer)
