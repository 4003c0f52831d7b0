"""Finds a control plane on this machine, fetches an official one, or builds one."""

import os
import platform
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane import debian, selftest
from nfvi_ha.lab.controlplane.assets import Assets, describe, find_etcd, find_kubectl, kubernetes_version
from nfvi_ha.lab.controlplane.cache import Cache, CachedSet
from nfvi_ha.lab.controlplane.debian import DebianBuild
from nfvi_ha.lab.controlplane.errors import AssetsUnavailable, BuildFailed, SelfTestFailed, StartFailed
from nfvi_ha.lab.controlplane.official import ARCHITECTURES, RELEASE, OfficialRelease
from nfvi_ha.lab.controlplane.progress import ProgressSink, silent

ENV_ASSETS: Final = "KUBEBUILDER_ASSETS"
APISERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"


def find_or_build_assets(
    progress: ProgressSink = silent,
    *,
    environment: Mapping[str, str] = os.environ,
    cancelled: threading.Event | None = None,
) -> Assets:
    """In this order: $KUBEBUILDER_ASSETS, our cache, the official release, a build from Debian's source (minutes).

    Fetched and built binaries are tried out before they are cached. ``cancelled`` ends the work from another thread.
    Raises AssetsUnavailable (says what was tried), BuildFailed, SelfTestFailed.
    """
    finder = Finder(Cache.of_user(environment), environment, progress, cancelled or threading.Event())
    return finder.find()


class Finder:
    """One search. ``try_out`` is what fetched and built binaries must pass; ``official`` is the release asked for."""

    def __init__(
        self,
        cache: Cache,
        environment: Mapping[str, str],
        progress: ProgressSink,
        cancelled: threading.Event,
        *,
        official: Callable[[str], OfficialRelease] = OfficialRelease,
        release: str = RELEASE,
        try_out: Callable[[Assets, Path], None] = selftest.try_out,
    ) -> None:
        self._cache = cache
        self._environment = environment
        self._progress = progress
        self._cancelled = cancelled
        self._official = official
        self._release = release
        self._try_out = try_out
        self._tried: list[str] = []

    def find(self) -> Assets:
        """See ``find_or_build_assets``."""
        named = self._environment.get(ENV_ASSETS)
        if named:
            return self._from_directory(Path(named))
        found = self._cached() or self._fetched() or self._built()
        if found is None:
            raise AssetsUnavailable("no Kubernetes control plane to be had:\n- " + "\n- ".join(self._tried))
        return self._assets(found)

    def _from_directory(self, directory: Path) -> Assets:
        apiserver = directory / APISERVER
        if not apiserver.is_file():
            raise AssetsUnavailable(f"{ENV_ASSETS}={directory} has no {APISERVER}: correct it or unset it")
        beside = directory / CONTROLLER_MANAGER
        manager = beside if beside.is_file() else self._manager_for(kubernetes_version(apiserver))
        return describe(
            kube_apiserver=apiserver,
            kube_controller_manager=manager,
            etcd=find_etcd(directory),
            kubectl=find_kubectl(directory),
            source=f"{ENV_ASSETS}={directory}" + ("" if manager is not None else ", without kube-controller-manager"),
        )

    def _manager_for(self, version: tuple[int, int, int]) -> Path | None:
        """A kube-controller-manager of just this release from the cache or the official site; None if there is none."""
        text = ".".join(map(str, version))
        release = self._official(text)
        for set_id in (release.set_id, _manager_id(release), _debian_id()):
            found = self._cache.find(set_id)
            if found is not None and found.version == text and (manager := found.file(CONTROLLER_MANAGER)):
                return manager
        fetched = self._fetch(release, _manager_id(release), (CONTROLLER_MANAGER,))
        if fetched is not None:
            return fetched.file(CONTROLLER_MANAGER)
        self._progress(
            "find",
            f"no {CONTROLLER_MANAGER} {text} beside {APISERVER}, in {self._cache.root} or on the official site: going "
            "on without; owned objects are not collected, deleted namespaces stay, no default ServiceAccounts are made",
        )
        return None

    def _cached(self) -> CachedSet | None:
        for set_id in (self._official(self._release).set_id, _debian_id()):
            found = self._cache.find(set_id)
            if found is not None:
                return found
        self._tried.append(f"cache: nothing whole in {self._cache.root}")
        return None

    def _fetched(self) -> CachedSet | None:
        release = self._official(self._release)
        return self._fetch(release, release.set_id, (APISERVER, CONTROLLER_MANAGER))

    def _fetch(self, release: OfficialRelease, set_id: str, names: tuple[str, ...]) -> CachedSet | None:
        self._progress("find", f"asking for the official binaries of Kubernetes {release.release}")
        checksums = release.checksums(names)
        if checksums is None:
            self._tried.append(f"official release {release.release}: not reachable within seconds")
            return None

        def make(target: Path) -> tuple[str, str]:
            for name, checksum in checksums.items():
                release.download(name, checksum, target / name, progress=self._progress, cancelled=self._cancelled)
            return self._proven(target, release.release, f"official release {release.release}")

        try:
            return self._obtain(set_id, make)
        except (BuildFailed, SelfTestFailed, StartFailed, AssetsUnavailable) as error:
            if self._cancelled.is_set():
                raise
            self._progress("find", f"the official binaries are of no use here: {error}")
            self._tried.append(f"official release {release.release}: {error}")
            return None

    def _built(self) -> CachedSet | None:
        reason = debian.why_not(root=self._cache.root)
        if reason:
            self._tried.append(f"build from Debian's source: {reason}")
            return None

        def make(target: Path) -> tuple[str, str]:
            log = self._cache.root / "build.log"
            log.write_text("")
            scratch = target.parent / "build"
            scratch.mkdir()
            build = DebianBuild(
                scratch, progress=self._progress, cancelled=self._cancelled, environment=self._environment, log=log
            )
            return self._proven(target, build.make(target), "built from Debian's source package with Go 1.15")

        return self._obtain(_debian_id(), make)

    def _obtain(self, set_id: str, make: Callable[[Path], tuple[str, str]]) -> CachedSet:
        return self._cache.obtain(
            set_id, make, now=lambda: datetime.now(UTC), progress=self._progress, cancelled=self._cancelled
        )

    def _proven(self, directory: Path, version: str, source: str) -> tuple[str, str]:
        """(version, source), after the binaries showed that they are what they should be and work."""
        for path in directory.iterdir():
            path.chmod(0o755)
            said = ".".join(map(str, kubernetes_version(path)))
            if said != version:
                raise SelfTestFailed(f"{path.name} says it is {said}, expected {version}")
        if (directory / APISERVER).exists():
            self._progress("test", "trying the binaries out with a custom resource", 0.98)
            self._try_out(self._assets(CachedSet(directory, version, source)), directory.parent / "try-out")
        return version, source

    def _assets(self, found: CachedSet) -> Assets:
        return describe(
            kube_apiserver=found.directory / APISERVER,
            kube_controller_manager=found.file(CONTROLLER_MANAGER),
            etcd=find_etcd(),
            kubectl=find_kubectl(),
            source=found.source,
        )


def _debian_id() -> str:
    machine = platform.machine()
    return f"{debian.SET_NAME}-{ARCHITECTURES.get(machine, machine)}"


def _manager_id(release: OfficialRelease) -> str:
    return f"{release.set_id}-manager-only"
