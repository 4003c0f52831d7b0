from pathlib import Path

import pytest

from tests.unit.agent.hardware.fake_host import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "sys")
