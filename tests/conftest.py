"""What tests on a real control plane share, wherever they are."""

import pytest

from nfvi_ha.lab.controlplane import console_progress, find_or_build_assets
from nfvi_ha.lab.controlplane.assets import Assets


@pytest.fixture(scope="session")
def assets(pytestconfig: pytest.Config) -> Assets:
    """The binaries, found or built; what is being done is shown even while pytest captures output."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled(), console_progress() as progress:
        return find_or_build_assets(progress)
