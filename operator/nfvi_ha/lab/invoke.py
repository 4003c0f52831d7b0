"""How commands of the lab run and print: one message for what went wrong, one JSON value for a result."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import orjson
import typer

T = TypeVar("T")


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("-o", "--output", help="text, or one JSON object.")]
OperatorCount = Annotated[int, typer.Option("--operators", min=1, max=5, help="Replicas of the operator.")]


def run_awaited(work: Callable[[], Awaitable[T]]) -> T:
    """Run it; what went wrong is one message on stderr and exit code 1."""
    from nfvi_ha.kube.errors import KubeError
    from nfvi_ha.lab.control import ControlFailed
    from nfvi_ha.lab.controlplane.errors import ControlPlaneError
    from nfvi_ha.lab.errors import LabFailed

    async def awaited() -> T:
        task = asyncio.ensure_future(work())
        # As Ctrl-C does it by itself: what was started is ended and removed before this process ends.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(awaited())
    except (LabFailed, ControlFailed, ControlPlaneError, KubeError, OSError) as error:
        typer.echo(f"nfvi-ha lab: {error}", err=True)
        raise typer.Exit(1) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        typer.echo("nfvi-ha lab: interrupted", err=True)
        raise typer.Exit(130) from error


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
