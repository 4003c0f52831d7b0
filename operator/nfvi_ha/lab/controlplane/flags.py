"""The command lines of the three servers, for every release from 1.20 on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane.certificates import FRONT_PROXY_NAME, Certificates

LOOPBACK: Final = "127.0.0.1"
ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
SERVICE_RANGE: Final = "10.96.0.0/16"

CONTROLLERS: Final = (
    "clusterrole-aggregation",
    "deployment",
    "disruption",
    "garbagecollector",
    "namespace",
    "podgc",
    "replicaset",
    "resourcequota",
    "root-ca-cert-publisher",
    "serviceaccount",
    "serviceaccount-token",
)
"""Names as of 1.20; newer releases keep them as aliases. Node lifecycle is left out: the lab plays it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback TCP ports of one control plane."""

    apiserver: int
    etcd_client: int
    etcd_peer: int


def etcd(binary: Path, data: Path, certs: Certificates, ports: Ports, *, unsafe_no_fsync: bool) -> list[str]:
    """One etcd member, TLS and client certificates required. ``unsafe_no_fsync``: etcd 3.4.10 or newer knows it.

    Without fsync a crash of the machine may lose data, a crash of etcd does not: the page cache survives it.
    """
    client, peer = f"https://{LOOPBACK}:{ports.etcd_client}", f"https://{LOOPBACK}:{ports.etcd_peer}"
    argv = [
        f"{binary}",
        f"--data-dir={data}",
        "--name=lab",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        "--client-cert-auth=true",
        f"--trusted-ca-file={certs.etcd_ca.cert}",
        f"--cert-file={certs.etcd.cert}",
        f"--key-file={certs.etcd.key}",
        "--peer-client-cert-auth=true",
        f"--peer-trusted-ca-file={certs.etcd_ca.cert}",
        f"--peer-cert-file={certs.etcd.cert}",
        f"--peer-key-file={certs.etcd.key}",
        "--logger=zap",
        "--log-level=warn",
    ]
    return [*argv, "--unsafe-no-fsync"] if unsafe_no_fsync else argv


def apiserver(binary: Path, certs: Certificates, ports: Ports, *, service_account_admission: bool) -> list[str]:
    """kube-apiserver with RBAC, ServiceAccount tokens and the aggregation layer's headers, on loopback only.

    ``service_account_admission`` False is for running without a controller manager: nobody would make the default
    ServiceAccounts that this admission plugin demands of every pod.
    """
    argv = [
        f"{binary}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        # The Service "kubernetes" cannot have a loopback endpoint, so nobody is to try to give it one.
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports.apiserver}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--etcd-servers=https://{LOOPBACK}:{ports.etcd_client}",
        f"--etcd-cafile={certs.etcd_ca.cert}",
        f"--etcd-certfile={certs.etcd_client.cert}",
        f"--etcd-keyfile={certs.etcd_client.key}",
        f"--client-ca-file={certs.ca.cert}",
        f"--tls-cert-file={certs.apiserver.cert}",
        f"--tls-private-key-file={certs.apiserver.key}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={certs.service_account.cert}",
        f"--service-account-signing-key-file={certs.service_account.key}",
        f"--requestheader-client-ca-file={certs.front_proxy_ca.cert}",
        f"--requestheader-allowed-names={FRONT_PROXY_NAME}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={certs.front_proxy.cert}",
        f"--proxy-client-key-file={certs.front_proxy.key}",
        "--profiling=false",
    ]
    return argv if service_account_admission else [*argv, "--disable-admission-plugins=ServiceAccount"]


def controller_manager(binary: Path, kubeconfig: Path, certs: Certificates, version: tuple[int, int, int]) -> list[str]:
    """kube-controller-manager without any port of its own."""
    argv = [
        f"{binary}",
        f"--kubeconfig={kubeconfig}",
        "--secure-port=0",
        "--leader-elect=false",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--root-ca-file={certs.ca.cert}",
        f"--service-account-private-key-file={certs.service_account.key}",
        "--use-service-account-credentials=true",
        # A lab deletes hundreds of objects at once; the default of 20 requests a second would dominate.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    # Up to 1.23 there is an unauthenticated port on all interfaces unless it is switched off by this flag.
    return [*argv, "--port=0"] if version < (1, 24, 0) else argv
