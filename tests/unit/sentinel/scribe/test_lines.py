"""The words between the two processes of a sentinel."""

import subprocess
import sys
from pathlib import Path

import pytest

from nfvi_ha.sentinel.scribe.lines import BadLine, Drop, FeedKind, FeedLine, Put, Synced, decode, encode, read_cache


@pytest.mark.parametrize(
    "line", [Put(FeedKind.VM, "uid-1", {"name": "fw\n0"}), Drop(FeedKind.ENDPOINT, "vim"), Synced()], ids=type
)
def test_a_line_is_read_as_it_was_written(line: FeedLine) -> None:
    data = encode(line)
    assert data.count(b"\n") == 1
    assert decode(data) == line


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"1", b"{}", b'{"put":"vm"}', b'{"put":"vm","key":1,"value":{}}', b'{"put":"vm","key":"a"}',
        b'{"put":"later","key":"a","value":{}}', b'{"put":["vm"],"key":"a","value":{}}', b'{"drop":"vm"}',
        b'{"put":"vm","key":"a","value":[]}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(BadLine):
        decode(data)


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(read_cache(tmp_path / "feed.json")) == []


def test_what_stands_before_the_damage_in_a_cache_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    first = Put(FeedKind.NODE, "a", {"uid": "1"})
    path.write_bytes(encode(first) + encode(Synced())[:5])
    lines = read_cache(path)
    assert next(lines) == first
    with pytest.raises(BadLine):
        next(lines)


def test_the_hot_process_gets_no_kubernetes_client_with_these_words() -> None:
    code = "import sys, nfvi_ha.sentinel.scribe.lines; print([m for m in sys.modules if m.startswith('kubernetes')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
