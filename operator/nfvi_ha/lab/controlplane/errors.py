# ruff: noqa: N818 - these are named by what happened.
"""What can go wrong with a control plane, as exceptions whose message says what to do."""


class ControlPlaneError(Exception):
    """Base of everything this package raises on purpose."""


class AssetsUnavailable(ControlPlaneError):
    """No control plane binaries can be had on this machine; the message lists what was tried and what would help."""


class BuildFailed(ControlPlaneError):
    """A step of building the binaries failed; the message names the step, its last output and its log."""


class SelfTestFailed(ControlPlaneError):
    """Binaries start but do not behave as a Kubernetes API server should; they must not be used."""


class StartFailed(ControlPlaneError):
    """A process ended or did not become ready in time; the message carries the end of its log."""


class ApiCallFailed(ControlPlaneError):
    """The API server (or etcd) answered a call of ours with an error, or not at all (status 0)."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path}: {status or 'no answer'}: {message[:500]}")
        self.status = status


class KubectlFailed(ControlPlaneError):
    """kubectl exited with an error; the message carries its command line and output."""
