"""Objects of one kind kept in memory as plain JSON, with a call per change."""

from collections.abc import Callable, Iterable

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.informer import Informer
from nfvi_ha.kube.resources import Resource
from nfvi_ha.lab.objects import JsonObject, uid_of


class Watched:
    """An informer of whole objects. ``on_change`` gets the object as it is now, or as it last was when it is gone."""

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        on_change: Callable[[JsonObject], None],
    ) -> None:
        self._resource = resource
        self._on_change = on_change
        self._informer: Informer[JsonObject] = Informer(
            client,
            resource,
            self._whole,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            on_change=self._changed,
        )

    async def run(self) -> None:
        """For ever."""
        await self._informer.run()

    async def wait_synced(self) -> None:
        """Until the first list is in."""
        await self._informer.wait_synced()

    def get(self, uid: str) -> JsonObject | None:
        """The object with that uid, as last seen."""
        return self._informer.objects.get(uid)

    def all(self) -> Iterable[JsonObject]:
        """All objects, as last seen."""
        return self._informer.objects.values()

    def _changed(self, change: Change[JsonObject]) -> None:
        obj = change.new if change.new is not None else change.old
        if obj is not None:
            self._on_change(obj)

    def _whole(self, obj: JsonObject) -> JsonObject | None:
        # Items of a list come without these, and a whole object has to carry them when it is written back.
        obj.setdefault("apiVersion", self._resource.api_version)
        obj.setdefault("kind", self._resource.kind)
        return obj if uid_of(obj) else None
