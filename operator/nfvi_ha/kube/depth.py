"""Reading JSON that is nested deeper than our parser goes.

The API server accepts objects nested up to 10,000 levels where a schema keeps unknown fields; orjson stops at 1,024.
One such object, made by anybody who may create one, must not hide all other objects of its kind from us.
"""

import re
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 200
"""No object of any use comes near it: a VMI has about 15 levels."""

# Strings are matched as a whole, so that brackets in them do not count.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def loads(data: bytes) -> Any:
    """Parse JSON; what is nested deeper than ``MAX_DEPTH`` is null if the parser refuses it as it is.

    Raises:
        orjson.JSONDecodeError: it is no JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pruned = prune(data)
        if len(pruned) == len(data):
            raise
        return orjson.loads(pruned)


def prune(data: bytes, max_depth: int = MAX_DEPTH) -> bytes:
    """The same text with each array and object below ``max_depth`` levels replaced by null."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth == max_depth + 1:
                kept.append(data[start : token.start()])
        elif first in b"]}":
            if depth == max_depth + 1:
                kept.append(b"null")
                start = token.end()
            depth -= 1
    if depth > max_depth:
        return data  # cut off within the deep part: not JSON, whatever we do
    return b"".join(kept) + data[start:]
