"""``nfvi-ha receiver``: a VIM to try notifications with."""

import asyncio
import signal
import ssl
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import orjson
import typer

from nfvi_ha.reporting.receiver.misbehaviour import Manner, Misbehaviour
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings


class Output(StrEnum):
    """How records are printed."""

    TEXT = "text"
    JSON = "json"


def receiver_command(
    listen: Annotated[
        str, typer.Option(help="Address and port to listen on; port 0 takes a free one.")
    ] = "127.0.0.1:0",
    key: Annotated[
        list[str] | None,
        typer.Option(help="An accepted HMAC key as ID=FILE, the file holding exactly the bytes. May be repeated."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain in PEM: listen with TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key in PEM.")] = None,
    client_ca: Annotated[Path | None, typer.Option(help="Demand client certificates signed by this CA (PEM).")] = None,
    file: Annotated[Path | None, typer.Option(help="Append every record to this file, one JSON object a line.")] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="text, or one JSON object a line.")] = Output.TEXT,
    delay: Annotated[float, typer.Option(min=0.0, help="Misbehave: answer after so many seconds.")] = 0.0,
    status: Annotated[int, typer.Option(min=200, max=599, help="Misbehave: answer with this status.")] = 204,
    manner: Annotated[
        Manner, typer.Option(help="Misbehave: drop (never answer) or close (the connection).")
    ] = "answer",
    every: Annotated[int, typer.Option(min=1, help="Misbehave only at every n-th request.")] = 1,
) -> None:
    """Receive notifications as a VIM would: verify them, show each with its latency, tell doubles and lost order.

    Prints the URL to send to, then one line per notification until interrupted. Its conduct can be changed while it
    runs: PUT a JSON object to /_control/misbehaviour. GET /_records returns everything received.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise typer.BadParameter(f"{listen!r}: write it like 127.0.0.1:8088", param_hint="--listen")
    settings = ReceiverSettings(
        host=host.strip("[]"),
        port=int(port),
        keys=dict(_key(text) for text in key or ()),
        ssl_context=_context(tls_cert, tls_key, client_ca),
        file=file,
    )
    wrong = Misbehaviour(delay_seconds=delay, status=status, manner=manner, every=every)
    try:
        asyncio.run(_serve(settings, wrong, output, sys.stdout))
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {listen}: {error}", param_hint="--listen") from error


async def _serve(settings: ReceiverSettings, wrong: Misbehaviour, output: Output, out: TextIO) -> None:
    def show(record: Record, injected_ms: float | None) -> None:
        text = (
            orjson.dumps(record.as_json(injected_ms)).decode() if output is Output.JSON else line(record, injected_ms)
        )
        print(text, file=out, flush=True)

    receiver = Receiver(settings, on_record=show)
    receiver.misbehave(wrong)
    url = await receiver.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    started: dict[str, Any] = {"listening": url, "verifying": sorted(settings.keys)}
    text = orjson.dumps(started).decode() if output is Output.JSON else f"listening on {url}"
    print(text, file=out, flush=True)
    await stop.wait()
    await receiver.stop()


def line(record: Record, injected_ms: float | None) -> str:
    """One record for people, on one line."""
    data = record.data
    marks = [
        "" if record.verified else f"REFUSED {record.refusal}",
        f"DOUBLE x{record.arrival}" if record.duplicate else "",
        "OUT OF ORDER" if record.out_of_order else "",
        "" if record.accepted else f"answered {record.status or 'nothing'}",
    ]
    latencies = [
        "" if record.detected_ms is None else f"detected +{record.detected_ms:.1f} ms",
        "" if injected_ms is None else f"injected +{injected_ms:.1f} ms",
    ]
    words = [
        str(record.event.get("time", "-")),
        record.type.removeprefix("io.nfvi-ha.") or "-",
        record.subject or "-",
        f"#{data.get('sequence', '-')}",
        str(data.get("cause", "")),
        *latencies,
        *marks,
        record.id,
    ]
    # Whatever came in is shown, so nothing in it may move the cursor.
    return "  ".join("".join(char for char in word if char.isprintable()) for word in words if word)


def _key(text: str) -> tuple[str, bytes]:
    key_id, equals, path = text.partition("=")
    if not equals or not key_id:
        raise typer.BadParameter(f"{text!r}: write it like 2026-01=FILE", param_hint="--key")
    try:
        return key_id, Path(path).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--key") from error


def _context(cert: Path | None, key: Path | None, client_ca: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None or client_ca is not None:
            raise typer.BadParameter("needs --tls-cert", param_hint="--tls-key/--client-ca")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise typer.BadParameter(f"cannot be used: {error}", param_hint="--tls-cert/--tls-key/--client-ca") from error
    return context
