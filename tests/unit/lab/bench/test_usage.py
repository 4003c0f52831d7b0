import os
import time

import pytest

from nfvi_ha.lab.bench.usage import Usage


def test_cpu_time_and_memory_of_a_process_are_read() -> None:
    before = Usage.of(os.getpid())
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    after = Usage.of(os.getpid())
    assert 0.03 <= after.cpu_seconds - before.cpu_seconds <= 5
    assert 1 < after.rss_mb <= after.peak_rss_mb


def test_a_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError):
        Usage.of(2**30)
