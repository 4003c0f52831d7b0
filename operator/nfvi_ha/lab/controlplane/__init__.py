"""A real Kubernetes control plane for anyone: binaries found or built, started on loopback, stopped without a trace."""

from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.errors import (
    ApiCallFailed,
    AssetsUnavailable,
    BuildFailed,
    ControlPlaneError,
    SelfTestFailed,
    StartFailed,
)
from nfvi_ha.lab.controlplane.finder import find_or_build_assets
from nfvi_ha.lab.controlplane.plane import ControlPlane
from nfvi_ha.lab.controlplane.progress import ProgressSink, console_progress

__all__ = [
    "ApiCallFailed",
    "Assets",
    "AssetsUnavailable",
    "BuildFailed",
    "ControlPlane",
    "ControlPlaneError",
    "ProgressSink",
    "SelfTestFailed",
    "StartFailed",
    "console_progress",
    "find_or_build_assets",
]
