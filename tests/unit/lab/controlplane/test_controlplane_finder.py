"""Where binaries are looked for, in which order, and what is said when there are none."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nfvi_ha.lab.controlplane import debian, finder
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.cache import Cache
from nfvi_ha.lab.controlplane.errors import AssetsUnavailable, BuildFailed, SelfTestFailed
from nfvi_ha.lab.controlplane.finder import Finder
from nfvi_ha.lab.controlplane.official import OfficialRelease
from nfvi_ha.lab.controlplane.progress import silent

RELEASE = "1.36.2"


def program(version: str) -> str:
    return f"#!/bin/sh\necho Kubernetes v{version}\n"


def write_program(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(program(version))
    path.chmod(0o755)


class Site:
    """An official site on loopback. ``files``: content by path; ``asked``: the paths asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                content = site.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def publish(self, version: str, name: str, content: bytes, *, digest: str | None = None) -> None:
        path = f"/v{version}/bin/linux/amd64/{name}"
        self.files[path] = content
        self.files[f"{path}.sha256"] = (digest or hashlib.sha256(content).hexdigest()).encode()

    def release(self, version: str) -> OfficialRelease:
        return OfficialRelease(version, base_url=self.url, machine="x86_64")


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def why_not(**_: object) -> str:
        return "not in this test"

    monkeypatch.setattr(debian, "why_not", why_not)


def search(
    tmp_path: Path,
    site: Site,
    *,
    assets: Path | None = None,
    try_out: Callable[[Assets, Path], None] = lambda *_: None,
    told: list[str] | None = None,
) -> Finder:
    environment = {"PATH": "/usr/bin:/bin"} | ({"KUBEBUILDER_ASSETS": str(assets)} if assets else {})

    def progress(step: str, message: str, fraction: float | None = None) -> None:
        if told is not None:
            told.append(message)

    return Finder(
        Cache(tmp_path / "cache"),
        environment,
        progress,
        threading.Event(),
        official=site.release,
        release=RELEASE,
        try_out=try_out,
    )


def cached(tmp_path: Path, set_id: str, version: str) -> Path:
    def make(directory: Path) -> tuple[str, str]:
        for name in ("kube-apiserver", "kube-controller-manager"):
            write_program(directory / name, version)
        return version, f"cached {set_id}"

    cache = Cache(tmp_path / "cache")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    return cache.obtain(set_id, make, now=lambda: now, progress=silent, cancelled=threading.Event()).directory


def publish_both(site: Site) -> None:
    for name in ("kube-apiserver", "kube-controller-manager"):
        site.publish(RELEASE, name, program(RELEASE).encode())


def test_named_directory_wins_over_cache_and_site(tmp_path: Path, site: Site) -> None:
    for name in ("kube-apiserver", "kube-controller-manager"):
        write_program(tmp_path / "named" / name, "1.30.1")
    cached(tmp_path, f"{RELEASE}-official-amd64", RELEASE)

    found = search(tmp_path, site, assets=tmp_path / "named").find()

    assert found.version == (1, 30, 1)
    assert found.kube_apiserver == tmp_path / "named" / "kube-apiserver"
    assert found.kube_controller_manager == tmp_path / "named" / "kube-controller-manager"
    assert site.asked == []


def test_named_directory_without_apiserver_is_an_error_not_a_reason_to_look_elsewhere(
    tmp_path: Path, site: Site
) -> None:
    cached(tmp_path, f"{RELEASE}-official-amd64", RELEASE)

    with pytest.raises(AssetsUnavailable, match="has no kube-apiserver"):
        search(tmp_path, site, assets=tmp_path).find()


def test_named_directory_without_controller_manager_takes_the_cached_one_of_the_same_release(
    tmp_path: Path, site: Site
) -> None:
    write_program(tmp_path / "named" / "kube-apiserver", RELEASE)
    directory = cached(tmp_path, f"{RELEASE}-official-amd64", RELEASE)

    found = search(tmp_path, site, assets=tmp_path / "named").find()

    assert found.kube_controller_manager == directory / "kube-controller-manager"


def test_named_directory_without_controller_manager_fetches_that_alone(tmp_path: Path, site: Site) -> None:
    write_program(tmp_path / "named" / "kube-apiserver", "1.31.0")
    cached(tmp_path, f"{RELEASE}-official-amd64", RELEASE)  # another release: of no use here
    site.publish("1.31.0", "kube-controller-manager", program("1.31.0").encode())

    found = search(tmp_path, site, assets=tmp_path / "named").find()

    assert found.kube_controller_manager is not None
    assert found.kube_controller_manager.read_text() == program("1.31.0")
    assert not [path for path in site.asked if "kube-apiserver" in path]


def test_named_directory_without_controller_manager_anywhere_goes_without_and_says_so(
    tmp_path: Path, site: Site
) -> None:
    write_program(tmp_path / "named" / "kube-apiserver", "1.31.0")
    told: list[str] = []

    found = search(tmp_path, site, assets=tmp_path / "named", told=told).find()

    assert found.kube_controller_manager is None
    assert "without kube-controller-manager" in found.source
    assert "owned objects are not collected" in told[-1]


def test_cache_is_used_without_asking_the_site(tmp_path: Path, site: Site) -> None:
    publish_both(site)
    cached(tmp_path, finder._debian_id(), "1.20.2")

    found = search(tmp_path, site).find()

    assert found.version == (1, 20, 2)
    assert site.asked == []


def test_official_release_is_fetched_tried_out_and_cached(tmp_path: Path, site: Site) -> None:
    publish_both(site)
    tried: list[tuple[int, int, int]] = []

    found = search(tmp_path, site, try_out=lambda assets, _: tried.append(assets.version)).find()
    asked = len(site.asked)
    again = search(tmp_path, site).find()

    assert found == again
    assert found.version == (1, 36, 2)
    assert tried == [(1, 36, 2)]
    assert len(site.asked) == asked


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize("trouble", ["checksum", "other release", "self-test", "half published", "not text"])
def test_official_binaries_that_are_not_what_they_should_be_are_not_used(
    tmp_path: Path, site: Site, trouble: str
) -> None:
    publish_both(site)
    apiserver = program(RELEASE).encode()
    if trouble == "checksum":
        site.publish(
            RELEASE, "kube-apiserver", apiserver + b"# and more\n", digest=hashlib.sha256(apiserver).hexdigest()
        )
    elif trouble == "other release":
        site.publish(RELEASE, "kube-apiserver", program("1.35.0").encode())
    elif trouble == "half published":
        site.files = {path: content for path, content in site.files.items() if not path.endswith("manager")}
    elif trouble == "not text":
        site.files[f"/v{RELEASE}/bin/linux/amd64/kube-apiserver.sha256"] = b"<html>please log in</html>"

    def try_out(_: Assets, __: Path) -> None:
        if trouble == "self-test":
            raise SelfTestFailed("custom resources do not work")

    with pytest.raises(AssetsUnavailable, match=f"official release {RELEASE}") as refused:
        search(tmp_path, site, try_out=try_out).find()

    assert "build from Debian's source: not in this test" in str(refused.value)
    assert [path.name for path in (tmp_path / "cache").glob("*") if path.name != "lock"] == []


@pytest.mark.usefixtures("no_build")
def test_cancelled_search_does_not_go_on_to_the_next_source(tmp_path: Path, site: Site) -> None:
    publish_both(site)
    cancelled = threading.Event()

    def progress(step: str, message: str, fraction: float | None = None) -> None:
        if step == "fetch":
            cancelled.set()

    site.publish(RELEASE, "kube-apiserver", program(RELEASE).encode() + b"#" * 3_000_000)
    looking = Finder(
        Cache(tmp_path / "cache"),
        {},
        progress,
        cancelled,
        official=site.release,
        release=RELEASE,
        try_out=lambda *_: None,
    )

    with pytest.raises(BuildFailed, match="cancelled"):
        looking.find()


def test_unreachable_site_is_given_up_within_the_limit() -> None:
    # An address of the documentation range: nobody answers there, or the system refuses at once.
    nowhere = OfficialRelease(RELEASE, base_url="http://192.0.2.1:9", machine="x86_64")

    assert nowhere.checksums(["kube-apiserver"], within_seconds=0.2) is None
