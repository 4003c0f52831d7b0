"""kubectl against one control plane."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nfvi_ha.lab.controlplane.errors import KubectlFailed

TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    """``kubectl("get", "nodes")`` runs it; ``kubectl.json(...)`` adds ``-o json`` and decodes. Blocks meanwhile."""

    binary: Path
    kubeconfig: Path

    def __call__(
        self, *arguments: str, stdin: str | None = None, check: bool = True, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Output as text. ``kubeconfig``: as somebody else. Raises KubectlFailed if ``check`` and it fails."""
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        command = [str(self.binary), *arguments]
        done = subprocess.run(
            command, input=stdin, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        if check and done.returncode != 0:
            raise KubectlFailed(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments: str, stdin: str | None = None) -> Any:
        """The decoded answer. Raises KubectlFailed."""
        return json.loads(self(*arguments, "-o", "json", stdin=stdin).stdout)
