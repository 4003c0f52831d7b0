"""The cache file: whole or not at all, and for nobody else's eyes."""

import os
import stat
from pathlib import Path

from nfvi_ha import private_file
from nfvi_ha.sentinel.scribe.cache import CacheFile
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind, Put, Synced, read_cache


async def test_a_feed_that_is_not_whole_does_not_replace_a_good_cache(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    path.write_bytes(b"good")
    feed = Feed()
    feed.put(FeedKind.NODE, "a", {"x": 1})
    await CacheFile(tmp_path, feed).save()
    assert path.read_bytes() == b"good"


async def test_it_holds_what_is_so_and_is_written_only_when_that_changed(tmp_path: Path) -> None:
    feed = Feed()
    feed.put(FeedKind.NODE, "a", {"x": 1})
    feed.set_synced()
    cache = CacheFile(tmp_path / "new", feed)
    await cache.save()
    path = tmp_path / "new" / "feed.json"
    assert list(read_cache(path)) == [Put(FeedKind.NODE, "a", {"x": 1}), Synced()]
    inode = path.stat().st_ino
    await cache.save()
    assert path.stat().st_ino == inode
    feed.drop(FeedKind.NODE, "a")
    await cache.save()
    assert list(read_cache(path)) == [Synced()]


async def test_a_disk_that_does_not_take_it_is_tried_again(tmp_path: Path) -> None:
    feed = Feed()
    feed.set_synced()
    feed.put(FeedKind.NODE, "a", {"x": 1})
    blocked = tmp_path / "state"
    blocked.write_text("a file where the directory should be")
    cache = CacheFile(blocked, feed)
    await cache.save()
    blocked.unlink()
    await cache.save()
    assert len(list(read_cache(blocked / "feed.json"))) == 2


def test_nobody_else_can_read_it_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    (tmp_path / ".feed.json.new").write_bytes(b"left by a crash")
    (tmp_path / ".feed.json.new").chmod(0o666)
    umask = os.umask(0)
    try:
        private_file.write(path, b"new")
    finally:
        os.umask(umask)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
