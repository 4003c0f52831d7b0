"""The container runtime interface: a Version call by gRPC, without stubs (k8s.io/cri-api, runtime/v1).

grpcio is an optional dependency (``nfvi-ha[cri]``): without it a runtime is watched for its end and for being stopped
only, and the metric says so.
"""

import asyncio
from importlib.util import find_spec
from typing import Any, Final

from nfvi_ha.agent.probes.process.checks.question import BROKEN, NO_ANSWER, REFUSED, UNSUPPORTED, Question, Unanswered

_METHOD: Final = "/runtime.v1.RuntimeService/Version"
_EMPTY: Final = b""
"""A VersionRequest without a version."""
_OPTIONS: Final = (
    # A channel that waits between attempts to connect would take a runtime that is back for one that hangs.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
)


def is_supported() -> bool:
    """Whether grpcio is there."""
    return find_spec("grpc") is not None


def cri_question(path: str, seconds: float) -> Question:
    """To containerd or CRI-O. An error is an answer, too, unless it is gRPC's own that there was none.

    ``seconds``: gRPC keeps the time itself.
    """
    runtime = _Runtime(path)

    async def ask(pid: int) -> None:
        if not is_supported():
            raise Unanswered(UNSUPPORTED, "grpcio is not installed")
        await runtime.ask(pid, seconds)

    return ask


class _Runtime:
    """Keeps a channel as long as it works: to make one costs three times as much as a call."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._where = ""
        self._channel: Any = None

    async def ask(self, pid: int, seconds: float) -> None:
        import grpc  # here, because it is optional and takes 20 MB

        where = self._path.replace("{pid}", str(pid))
        if self._channel is None or where != self._where:
            await self._close()
            self._where = where
            self._channel = grpc.aio.insecure_channel(f"unix:{where}", options=_OPTIONS)
        try:
            await self._channel.unary_unary(_METHOD)(_EMPTY, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            await self._close()
            match error.code():
                case grpc.StatusCode.UNAVAILABLE:
                    raise Unanswered(REFUSED, f"{where}: {error.details()}") from error
                case grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise Unanswered(NO_ANSWER, f"no answer of {where}") from error
        except grpc.aio.UsageError as error:
            await self._close()
            raise Unanswered(BROKEN, f"{where}: {error}") from error
        except asyncio.CancelledError:
            # Its time is over, by our own clock: what comes of that call is not to be taken for the next one's.
            await self._close()
            raise

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
