"""The container runtime interface: a Version call by gRPC, without stubs (k8s.io/cri-api, runtime/v1).

grpcio is an optional dependency (``nfvi-ha[cri]``): without it a runtime is watched for its end and for being stopped
only, and the metric says so.
"""

from importlib.util import find_spec
from typing import Final

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

    async def ask(pid: int) -> None:
        if not is_supported():
            raise Unanswered(UNSUPPORTED, "grpcio is not installed")
        import grpc  # here, because it is optional and takes 20 MB

        where = path.replace("{pid}", str(pid))
        async with grpc.aio.insecure_channel(f"unix:{where}", options=_OPTIONS) as channel:
            try:
                await channel.unary_unary(_METHOD)(_EMPTY, timeout=seconds)
            except grpc.aio.AioRpcError as error:
                match error.code():
                    case grpc.StatusCode.UNAVAILABLE:
                        raise Unanswered(REFUSED, f"{where}: {error.details()}") from error
                    case grpc.StatusCode.DEADLINE_EXCEEDED:
                        raise Unanswered(NO_ANSWER, f"no answer of {where}") from error
            except grpc.aio.UsageError as error:
                raise Unanswered(BROKEN, f"{where}: {error}") from error

    return ask
