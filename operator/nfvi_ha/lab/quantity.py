"""Kubernetes quantities ("500m", "2Gi") as whole numbers, as far as nodes and launcher pods use them."""

import math
import re
from decimal import Decimal
from typing import Final

_SUFFIX: Final[dict[str, Decimal]] = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)")


def parse_quantity(value: str | int | float) -> Decimal:
    """The quantity as a number of its base unit (cores, bytes, pieces).

    Raises:
        ValueError: it is not a quantity.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a Kubernetes quantity such as 500m, 4 or 2Gi")
    number, suffix = match.groups()
    return Decimal(number) * _SUFFIX[suffix]


def milli_cores(value: str | int | float) -> int:
    """CPU in thousandths of a core, rounded up."""
    return math.ceil(parse_quantity(value) * 1000)


def whole(value: str | int | float) -> int:
    """Bytes or pieces, rounded up."""
    return math.ceil(parse_quantity(value))
