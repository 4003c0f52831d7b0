"""helm, for all tests here; without one they fail, for a skip would look like success."""

import pytest

from nfvi_ha.cli.helm import Helm, find_helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Leaves nothing in the user's home."""
    home = tmp_path_factory.mktemp("helm")
    return Helm(find_helm().binary, {"HOME": str(home), "XDG_CACHE_HOME": str(home), "PATH": "/usr/bin:/bin"})
