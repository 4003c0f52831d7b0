"""The labels of the pods on this node, where the watch list matches by them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.informer import Informer
from nfvi_ha.kube.resources import PODS
from nfvi_ha.kube.views import JsonObject

Pairs = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod's uid and labels."""

    uid: str
    labels: Pairs


def pod_view(obj: JsonObject) -> PodView | None:
    """None for a pod without a uid."""
    metadata = obj.get("metadata") or {}
    labels = metadata.get("labels")
    uid = metadata.get("uid")
    if not isinstance(uid, str):
        return None
    pairs = labels.items() if isinstance(labels, dict) else ()
    return PodView(uid, frozenset((str(key), str(value)) for key, value in pairs))


class PodLabelsSource:
    """Watches them. ``on_change`` is called when some changed."""

    def __init__(self, node: str, client: KubeClient, on_change: Callable[[], None]) -> None:
        self._informer = Informer(
            client,
            PODS,
            pod_view,
            on_change=lambda _change: on_change(),
            field_selector=f"spec.nodeName={node}",
            name="pods-here",
        )

    async def run(self) -> None:
        """For ever."""
        await self._informer.run()

    @property
    def labels(self) -> Mapping[str, Pairs]:
        """By the pod's uid."""
        return {pod.uid: pod.labels for pod in self._informer.objects.values()}
