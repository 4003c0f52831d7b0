"""Certificates, kubeconfig, command lines, ports and progress: the small parts of a control plane."""

import io
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nfvi_ha.lab.controlplane import certificates, flags, kubeconfig, ports
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.certificates import Certificates, KeyPair
from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.controlplane.flags import Ports
from nfvi_ha.lab.controlplane.layout import Layout, Record
from nfvi_ha.lab.controlplane.lock import only_one
from nfvi_ha.lab.controlplane.processes import Daemon, ProcessId
from nfvi_ha.lab.controlplane.progress import PlainProgress, console_progress

NOW = datetime.now(UTC)
PORTS = Ports(apiserver=1001, etcd_client=1002, etcd_peer=1003)


@pytest.fixture
def issued(tmp_path: Path) -> Certificates:
    return certificates.issue(tmp_path / "pki", now=NOW)


def load(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.cert.read_bytes())


def purposes(pair: KeyPair) -> set[x509.ObjectIdentifier]:
    return set(load(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_administrator_is_of_the_group_that_may_do_everything(issued: Certificates) -> None:
    subject = load(issued.admin).subject

    assert [part.value for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:masters"]
    assert purposes(issued.admin) == {ExtendedKeyUsageOID.CLIENT_AUTH}
    load(issued.admin).verify_directly_issued_by(load(issued.ca))


def test_serving_certificate_is_accepted_by_a_client_that_checks_address_and_chain(issued: Certificates) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.apiserver.cert, issued.apiserver.key)
    client = ssl.create_default_context(cafile=str(issued.ca.cert))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted, server.wrap_socket(accepted, server_side=True) as connection:
            connection.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with (
        listener,
        socket.create_connection(listener.getsockname()) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.recv(5) == b"hello"
    thread.join()


def test_etcd_and_front_proxy_trust_other_authorities_than_the_api_server(issued: Certificates) -> None:
    for pair in (issued.etcd, issued.etcd_client, issued.front_proxy):
        with pytest.raises((ValueError, TypeError)):
            load(pair).verify_directly_issued_by(load(issued.ca))
    load(issued.etcd_client).verify_directly_issued_by(load(issued.etcd_ca))
    load(issued.front_proxy).verify_directly_issued_by(load(issued.front_proxy_ca))


def test_clock_set_back_a_little_does_not_invalidate(issued: Certificates) -> None:
    assert load(issued.apiserver).not_valid_before_utc <= NOW - timedelta(minutes=30)


def test_all_files_are_their_owners_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        certificates.issue(tmp_path / "pki", now=NOW)
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "pki").iterdir()} == {0o600}
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700


def test_kubeconfig_holds_its_credentials_itself(tmp_path: Path, issued: Certificates) -> None:
    path = kubeconfig.write_for_certificate(
        tmp_path / "admin.conf", "https://127.0.0.1:1", issued.ca.cert, "admin", issued.admin
    )

    text = path.read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["current-context"] == json.loads(text)["contexts"][0]["name"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("version", "has_flag"), [((1, 20, 2), True), ((1, 23, 9), True), ((1, 24, 0), False)])
def test_old_controller_managers_open_no_unauthenticated_port_and_new_ones_do_not_get_the_flag(
    issued: Certificates, version: tuple[int, int, int], has_flag: bool
) -> None:
    argv = flags.controller_manager(Path("/bin/kcm"), Path("/k.conf"), issued, version)

    assert ("--port=0" in argv) is has_flag
    assert "--secure-port=0" in argv


def test_everything_listens_on_loopback_only(issued: Certificates) -> None:
    argv = [
        *flags.etcd(Path("/bin/etcd"), Path("/data"), issued, PORTS, unsafe_no_fsync=True),
        *flags.apiserver(Path("/bin/api"), issued, PORTS, service_account_admission=True),
    ]

    listening = [item for item in argv if item.startswith(("--listen", "--bind", "--advertise", "--initial-adv"))]
    assert len(listening) == 6
    assert all("127.0.0.1" in item for item in listening)
    assert "--client-cert-auth=true" in argv


def test_pods_can_be_made_without_a_controller_manager(issued: Certificates) -> None:
    argv = flags.apiserver(Path("/bin/api"), issued, PORTS, service_account_admission=False)

    assert "--disable-admission-plugins=ServiceAccount" in argv


def test_held_port_refuses_clients_and_cannot_be_taken() -> None:
    hold = ports.PortHold()
    try:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", hold.port)) != 0
        with socket.socket() as thief, pytest.raises(OSError):
            thief.bind(("127.0.0.1", hold.port))
    finally:
        hold.release()
    socket.create_server(("127.0.0.1", hold.port)).close()


def test_chosen_ports_differ() -> None:
    chosen = ports.choose()

    assert len({chosen.apiserver, chosen.etcd_client, chosen.etcd_peer}) == 3


def test_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout.at(tmp_path)
    assets = Assets(Path("/a"), None, Path("/e"), Path("/k"), (1, 20, 2), "test", etcd_can_skip_fsync=True)
    record = Record(PORTS, {"etcd": ProcessId(7, 8)}, assets, detached=True)

    record.write(layout)

    assert Record.read(layout) == record


@pytest.mark.parametrize("damage", ["", "[]", '{"ports": {}}', '{"ports": {"apiserver": 1}, "processes": 3}'])
def test_damaged_record_is_reported_with_the_remedy(tmp_path: Path, damage: str) -> None:
    layout = Layout.at(tmp_path)
    layout.record.write_text(damage)

    with pytest.raises(ControlPlaneError, match="delete"):
        Record.read(layout)


def test_two_commands_do_not_change_one_lab_at_once(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "lock"),
        pytest.raises(ControlPlaneError, match="another command"),
        only_one(tmp_path / "lock"),
    ):
        pytest.fail("both hold it")
    with only_one(tmp_path / "lock"):
        pass


def test_signal_is_not_sent_to_a_stranger_with_a_reused_id() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        real = ProcessId.of(child.pid)
        assert real is not None
        stranger = ProcessId(child.pid, real.start_ticks - 1)
        assert not stranger.alive()
        assert not stranger.signal(signal.SIGKILL)
        assert child.poll() is None
        assert real.alive()
    finally:
        child.kill()
        child.wait()
    assert not real.alive()


async def test_process_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 60 & wait; done"]
    daemon = Daemon.spawn("stubborn", argv, log=tmp_path / "log", cwd=tmp_path, detach=False)
    while "ready" not in daemon.log_tail():
        assert daemon.alive()

    await daemon.stop(grace_seconds=0.1)

    assert not daemon.alive()


def test_plain_progress_prints_each_message_once_with_its_time() -> None:
    output, clock = io.StringIO(), iter([0.0, 0.0, 1.0, 2.0, 12.5, 13.0])
    progress = PlainProgress(output, lambda: next(clock))

    progress("build", "compiling", 0.1)
    progress("build", "compiling", 0.2)
    progress("build", "compiling", 0.3)
    progress("build", "compiling", 0.9)
    progress("test", "trying it out")

    assert output.getvalue().splitlines() == [
        "[   0 s] build: compiling (10%)",
        "[  12 s] build: compiling (90%)",
        "[  13 s] test: trying it out",
    ]


def test_progress_on_what_is_no_terminal_is_plain() -> None:
    output = io.StringIO()

    with console_progress(output) as progress:
        progress("start", "etcd", 0.5)

    assert output.getvalue().endswith("start: etcd (50%)\n")
    assert "\x1b" not in output.getvalue()
