"""The cluster that questions to other agents are of: as configured, else as it came with the keys."""

import logging
from pathlib import Path

from nfvi_ha.agent import cache
from nfvi_ha.agent.config import KEYS_FILE
from nfvi_ha.agent.handed_out import parse_handed_out
from nfvi_ha.core.wire.frame import cluster_id

log = logging.getLogger(__name__)


class ClusterName:
    """``identity`` is b"" until it is known; then agents cannot be asked, plain echo servers can."""

    def __init__(self, configured: str, state_dir: Path) -> None:
        self._path = state_dir / KEYS_FILE
        self.identity = cluster_id(configured) if configured else b""

    def look(self) -> None:
        """Look whether the keys are there by now; to be called now and then."""
        if self.identity:
            return
        try:
            found = cache.read(self._path)
            if found is not None:
                self.identity = cluster_id(parse_handed_out(found).cluster)
        except (OSError, ValueError) as error:
            log.warning("cached keys not read", extra={"path": str(self._path), "error": str(error)})
