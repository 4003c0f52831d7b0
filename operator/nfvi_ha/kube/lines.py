"""Cutting a watch's byte stream into lines of any length.

aiohttp's own ``readline`` gives up at the size of its buffer; a Kubernetes object may have 1.5 MB and more.
"""

from typing import Final

MAX_LINE_BYTES: Final = 32 * 1024 * 1024


class LineTooLongError(Exception):
    """A line exceeded ``MAX_LINE_BYTES``: no API server sends such an object."""


class LineSplitter:
    """Collects chunks and gives back complete lines, without their newline; empty lines are left out."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        # Parts of the unfinished line. Joined only once its end is there: a 1 MB line in 16 KiB chunks
        # would otherwise be copied 64 times.
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the lines they complete.

        Raises:
            LineTooLongError: the unfinished line is longer than allowed.
        """
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._parts:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > self._max:
                raise LineTooLongError(f"a line of more than {self._max} bytes")
        return [line for line in lines if line]
