"""kubeconfig files: one cluster, one user, one context, credentials inside so that the file can be copied."""

import base64
import json
from pathlib import Path
from typing import Any, Final

from nfvi_ha.lab.controlplane.certificates import KeyPair, write_private

CLUSTER: Final = "nfvi-ha-lab"


def write_for_certificate(
    path: Path, server: str, ca: Path, user: str, pair: KeyPair, *, tls_server_name: str = ""
) -> Path:
    """Writes (0600) a kubeconfig whose user proves itself by client certificate; returns ``path``.

    ``tls_server_name`` is the name to expect in the server's certificate where ``server`` has another one.
    """
    credentials = {"client-certificate-data": _encoded(pair.cert), "client-key-data": _encoded(pair.key)}
    return _write(path, server, ca, user, credentials, namespace="default", tls_server_name=tls_server_name)


def write_for_token(path: Path, server: str, ca: Path, user: str, token: str, *, namespace: str) -> Path:
    """Writes (0600) a kubeconfig whose user proves itself by bearer token; returns ``path``."""
    return _write(path, server, ca, user, {"token": token}, namespace=namespace)


def _write(
    path: Path,
    server: str,
    ca: Path,
    user: str,
    credentials: dict[str, str],
    *,
    namespace: str,
    tls_server_name: str = "",
) -> Path:
    cluster = {"server": server, "certificate-authority-data": _encoded(ca)}
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    context = {"cluster": CLUSTER, "user": user, "namespace": namespace}
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CLUSTER, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": CLUSTER, "context": context}],
        "current-context": CLUSTER,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps(config, indent=1).encode())  # JSON is YAML
    return path


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
