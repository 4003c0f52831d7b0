"""Fields of a body one after the other: a writer refuses what does not fit, a reader what is not there.

All integers are unsigned and big-endian. A text is a length of one byte and so many bytes of UTF-8.
"""

from typing import Final
from uuid import UUID

from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason

MAX_NAME_BYTES: Final = 253
"""Of names of Kubernetes objects (RFC 1123 subdomains)."""
NO_SLOT: Final = 0xFFFF
"""On the wire; a VNFReplicaSet has at most 256 slots."""
_NO_UUID: Final = bytes(16)

Data = bytes | bytearray | memoryview


class Writer:
    """Appends fields. Every method raises ``OutOfRange`` for a value its field cannot hold."""

    __slots__ = ("_out",)

    def __init__(self) -> None:
        self._out = bytearray()

    def number(self, value: int, size: int, field: str) -> "Writer":
        """An unsigned integer of ``size`` bytes."""
        try:
            self._out += value.to_bytes(size, "big")
        except OverflowError as error:
            raise OutOfRange(f"{field}: {value} is not an unsigned integer of {size} bytes") from error
        return self

    def raw(self, value: Data, size: int, field: str) -> "Writer":
        """Exactly ``size`` bytes."""
        if len(value) != size:
            raise OutOfRange(f"{field}: {len(value)} bytes, not {size}")
        self._out += value
        return self

    def text(self, value: str, longest: int, field: str, shortest: int = 0) -> "Writer":
        """UTF-8 of ``shortest`` to ``longest`` (<= 255) bytes, its length before it."""
        encoded = _utf8(value, field)
        if not shortest <= len(encoded) <= min(longest, 255):
            raise OutOfRange(f"{field}: {len(encoded)} bytes, not {shortest} to {longest}")
        self._out.append(len(encoded))
        self._out += encoded
        return self

    def name(self, value: str, field: str) -> "Writer":
        """The name of an object: 1 to 253 bytes."""
        return self.text(value, MAX_NAME_BYTES, field, shortest=1)

    def uuid(self, value: str, field: str) -> "Writer":
        """A UUID as 16 bytes; "" (not known) as zeros."""
        try:
            self._out += UUID(value).bytes if value else _NO_UUID
        except ValueError as error:
            raise OutOfRange(f"{field}: {value!r} is not a UUID") from error
        return self

    def slot(self, value: int | None) -> "Writer":
        """A slot's number, or none."""
        if value == NO_SLOT:
            raise OutOfRange(f"slot: {value} stands for none")
        return self.number(NO_SLOT if value is None else value, 2, "slot")

    def blob(self, value: Data) -> "Writer":
        """Bytes as they are; the frame's limit decides whether they fit."""
        self._out += value
        return self

    def padded(self, size: int) -> "Writer":
        """Zeros until the body has ``size`` bytes."""
        self._out += bytes(max(0, size - len(self._out)))
        return self

    def done(self) -> bytes:
        """What was written."""
        return bytes(self._out)


class Reader:
    """Takes fields off. Every method raises ``BadFrame(Reason.BODY)`` for what is not there or malformed."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: Data) -> None:
        self._data = bytes(data)
        self._at = 0

    def raw(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start = self._at
        taken = self._data[start : start + size]
        if len(taken) != size:
            raise BadFrame(Reason.BODY, f"ends after {len(self._data)} bytes, {size} wanted at {start}")
        self._at = start + size
        return taken

    def number(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.raw(size), "big")

    def flag(self) -> bool:
        """A byte that is 0 or 1."""
        value = self.number(1)
        if value > 1:
            raise BadFrame(Reason.BODY, f"{value} is no flag")
        return bool(value)

    def text(self, longest: int = 255, shortest: int = 0) -> str:
        """UTF-8 with its length before it."""
        size = self.number(1)
        if not shortest <= size <= longest:
            raise BadFrame(Reason.BODY, f"a text of {size} bytes, not {shortest} to {longest}")
        try:
            return self.raw(size).decode()
        except UnicodeDecodeError as error:
            raise BadFrame(Reason.BODY, "a text is not UTF-8") from error

    def name(self) -> str:
        """The name of an object: 1 to 253 bytes."""
        return self.text(MAX_NAME_BYTES, shortest=1)

    def uuid(self) -> str:
        """A UUID in its canonical form; "" where the sender did not know it."""
        value = self.raw(16)
        return "" if value == _NO_UUID else uuid_text(value)

    def slot(self) -> int | None:
        """A slot's number, or none."""
        value = self.number(2)
        return None if value == NO_SLOT else value

    def rest(self) -> bytes:
        """All that is left."""
        return self.raw(len(self._data) - self._at)

    def more(self) -> bool:
        """Whether something is left."""
        return self._at < len(self._data)

    def end(self) -> None:
        """Nothing may be left."""
        if self.more():
            raise BadFrame(Reason.BODY, f"{len(self._data) - self._at} bytes too many")

    def zeros(self) -> None:
        """Nothing but padding may be left."""
        if any(self.rest()):
            raise BadFrame(Reason.BODY, "padding is not zero")


def uuid_text(value: bytes) -> str:
    """16 bytes as the canonical text of a UUID."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def cut(text: str, size: int) -> str:
    """At most ``size`` bytes of UTF-8 from the beginning, never half a character; for texts that people read."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def _utf8(value: str, field: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise OutOfRange(f"{field}: no UTF-8 for it") from error
