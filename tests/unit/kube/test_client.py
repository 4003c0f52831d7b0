import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeConfigError,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from nfvi_ha.kube.lines import LineSplitter, LineTooLongError
from nfvi_ha.kube.resources import CONFIGMAPS, LEASES, NODES, Resource
from nfvi_ha.kube.transport import keepalive_socket

from .fake_api import FakeApi, refuse


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"metadata": {"name": name}, "data": data}


async def test_objects_are_written_and_read_back(api: FakeApi, client: KubeClient) -> None:
    await client.create(CONFIGMAPS, config_map("a", x="1"), "default")
    made = await client.get(CONFIGMAPS, "a", "default")
    made["data"]["x"] = "2"
    await client.replace(CONFIGMAPS, made, "default")
    assert (await client.get(CONFIGMAPS, "a", "default"))["data"] == {"x": "2"}
    await client.delete(CONFIGMAPS, "a", "default", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await client.get(CONFIGMAPS, "a", "default")


async def test_every_write_names_its_field_manager(api: FakeApi) -> None:
    async with await KubeClient.connect(api.kubeconfig, user_agent="somebody") as client:
        made = await client.create(CONFIGMAPS, config_map("a"), "default")
        await client.replace(CONFIGMAPS, made, "default")
        await client.patch(CONFIGMAPS, "a", {"data": {}}, "default")
        await client.apply(CONFIGMAPS, config_map("a"), "default")
    writes = [seen for seen in api.requests if seen.method != "GET"]
    assert [seen.query.get("fieldManager") for seen in writes] == ["somebody"] * 4
    assert {seen.headers["User-Agent"] for seen in writes} == {"somebody"}


async def test_the_kind_of_patch_follows_its_shape(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a")
    await client.patch(CONFIGMAPS, "a", {"data": {}}, "default")
    await client.patch(CONFIGMAPS, "a", [{"op": "test", "path": "/data", "value": {}}], "default")
    await client.apply(CONFIGMAPS, config_map("a"), "default", force=False)
    assert [seen.headers["Content-Type"] for seen in api.requests] == [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
    ]
    assert api.requests[2].query["force"] == "false"


async def test_a_delete_of_another_incarnation_is_refused(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a", uid="new")
    with pytest.raises(Conflict):
        await client.delete(CONFIGMAPS, "a", "default", uid="old")
    assert api.object("configmaps", "a") is not None


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Gone),
        (415, "UnsupportedMediaType", KubeError),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
    ],
)
async def test_refusals_have_types(
    api: FakeApi, client: KubeClient, code: int, reason: str, error: type[KubeError]
) -> None:
    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return refuse(code, reason)

    api.hook = hook
    with pytest.raises(error) as caught:
        await client.create(CONFIGMAPS, config_map("a"), "default")
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.reason) == (code, reason)
    assert "POST /api/v1/namespaces/default/configmaps" in str(caught.value)


async def test_a_refusal_that_is_no_status_object_still_has_a_type(api: FakeApi, client: KubeClient) -> None:
    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=429, text="<html>slow down", headers={"Retry-After": "7"})

    api.hook = hook
    with pytest.raises(TooManyRequests, match="slow down") as caught:
        await client.get(CONFIGMAPS, "a", "default")
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("body", ["no json", "[1]", "{"])
async def test_an_answer_that_is_no_object_is_an_error(api: FakeApi, client: KubeClient, body: str) -> None:
    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(text=body)

    api.hook = hook
    with pytest.raises(Unavailable) as caught:
        await client.get(CONFIGMAPS, "a", "default")
    assert caught.value.reason == "BadAnswer"


async def test_redirects_are_not_followed_with_our_token(api: FakeApi, client: KubeClient) -> None:
    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    api.hook = hook
    with pytest.raises(KubeError):
        await client.get(CONFIGMAPS, "a", "default")
    assert len(api.requests) == 1


async def test_no_server_is_unavailable(api: FakeApi, client: KubeClient) -> None:
    await api.stop()
    with pytest.raises(Unavailable) as caught:
        await client.get(CONFIGMAPS, "a", "default")
    assert caught.value.status == 0


async def test_a_hanging_answer_is_bounded(api: FakeApi) -> None:
    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse | None:
        await asyncio.Event().wait()
        return None

    api.hook = hook
    async with await KubeClient.connect(api.kubeconfig, request_timeout_seconds=0.1) as client:
        with pytest.raises(Unavailable) as caught:
            await client.create(CONFIGMAPS, config_map("a"), "default")
    assert caught.value.reason == "Timeout"


async def test_lists_are_paged_and_items_say_what_they_are(api: FakeApi, client: KubeClient) -> None:
    for number in range(7):
        await api.put("nodes", f"n{number}", ns="")
    pages = [len(page.items) async for page in client.pages(NODES, page_size=3)]
    assert pages == [3, 3, 1]
    listed = await client.list(NODES)
    assert len(listed) == 7
    assert {item["apiVersion"] for item in listed} == {"v1"}


async def test_a_list_whose_snapshot_expires_begins_again(api: FakeApi, client: KubeClient) -> None:
    for number in range(501):
        await api.put("configmaps", f"c{number}")

    async def hook(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        return refuse(410, "Expired") if "continue" in request.query else None

    api.hook = hook
    assert len({item["metadata"]["name"] for item in await client.list(CONFIGMAPS)}) == 501


class RefusedError(Exception):
    pass


async def test_a_guard_refusal_sends_nothing(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a")

    def refuse_all() -> None:
        raise RefusedError("not ours")

    guarded = client.lane(guard=refuse_all)
    calls = [
        lambda: guarded.create(CONFIGMAPS, config_map("b"), "default"),
        lambda: guarded.replace(CONFIGMAPS, config_map("a"), "default"),
        lambda: guarded.patch(CONFIGMAPS, "a", {"data": {}}, "default"),
        lambda: guarded.apply(CONFIGMAPS, config_map("a"), "default"),
        lambda: guarded.delete(CONFIGMAPS, "a", "default"),
    ]
    for call in calls:
        with pytest.raises(RefusedError, match="not ours"):
            await call()
    assert api.requests == []
    assert await guarded.get(CONFIGMAPS, "a", "default")


async def test_the_guard_is_asked_after_the_connection_is_there(api: FakeApi, client: KubeClient) -> None:
    """A leader that sleeps while it connects must not send when it wakes."""
    server_saw: list[bool] = []
    permitted = True

    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse | None:
        server_saw.append(permitted)
        return None

    def guard() -> None:
        if not permitted:
            raise RefusedError

    api.hook = hook
    guarded = client.lane(guard=guard)
    original = guarded._transport.session.connector.connect  # type: ignore[union-attr]

    async def slow_connect(*args: object, **kwargs: object) -> object:
        nonlocal permitted
        connection = await original(*args, **kwargs)  # type: ignore[arg-type]
        permitted = False
        return connection

    guarded._transport.session.connector.connect = slow_connect  # type: ignore[union-attr, method-assign, assignment]
    with pytest.raises(RefusedError):
        await guarded.create(CONFIGMAPS, config_map("b"), "default")
    assert server_saw == []


async def test_a_permission_that_ends_cuts_the_request_off(api: FakeApi, client: KubeClient) -> None:
    gone = asyncio.Event()

    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse | None:
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return None

    api.hook = hook
    with pytest.raises(Unavailable):
        await client.lane(guard=lambda: 0.05).create(CONFIGMAPS, config_map("b"), "default")
    async with asyncio.timeout(2):
        await gone.wait()


async def test_an_urgent_lane_does_not_queue_behind_the_others(api: FakeApi, client: KubeClient) -> None:
    release = asyncio.Event()

    async def hook(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        if request.method == "POST":
            await release.wait()
        return None

    api.hook = hook
    burst = [asyncio.create_task(client.create(CONFIGMAPS, config_map(f"c{n}"), "default")) for n in range(200)]
    try:
        async with asyncio.timeout(2):
            with pytest.raises(NotFound):
                await client.lane(urgent=True).get(LEASES, "x", "default")
        assert api.count("POST") <= 64
    finally:
        release.set()
        await asyncio.gather(*burst)


async def test_rotated_credentials_are_read_again(api: FakeApi) -> None:
    async def hook(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        return None if request.headers["authorization"] == "Bearer t1" else refuse(401, "Unauthorized")

    api.hook = hook
    await api.put("configmaps", "a")
    async with await KubeClient.connect(api.kubeconfig) as client:
        with pytest.raises(Unauthorized):
            await client.get(CONFIGMAPS, "a", "default")
        api.kubeconfig_with({"token": "t1"})
        assert await client.get(CONFIGMAPS, "a", "default")


async def test_a_missing_or_broken_kubeconfig_says_so(tmp_path: Path) -> None:
    with pytest.raises(KubeConfigError, match="no kubeconfig at"):
        await KubeClient.connect(f"{tmp_path}/nothing")
    for text in ("{]", "[]", "a: 1", "clusters: 3\ncontexts: []\ncurrent-context: x"):
        (tmp_path / "broken").write_text(text)
        with pytest.raises(KubeConfigError, match="broken cannot be used"):
            await KubeClient.connect(f"{tmp_path}/broken")


def test_sockets_notice_a_dead_peer() -> None:
    with keepalive_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 2
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000


@pytest.mark.parametrize("name", ["..", ".", "", "a/../b"])
def test_names_cannot_climb_out_of_their_path(name: str) -> None:
    resource = Resource("", "v1", "things", "Thing")
    try:
        path = resource.path("default", name)
    except ValueError:
        return
    assert path == "/api/v1/namespaces/default/things/a%2F..%2Fb"


def test_paths_need_what_the_scope_says() -> None:
    with pytest.raises(ValueError, match="cluster-scoped"):
        NODES.path("default")
    with pytest.raises(ValueError, match="needs a namespace"):
        CONFIGMAPS.path(None, "a")
    assert LEASES.path("ns", "a", "status") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a/status"


def test_lines_are_whole_however_the_stream_is_cut() -> None:
    text = b"".join(b"%d" % number * (number % 50) + b"\n" for number in range(200)) + b"tail"
    expected = [line for line in text.split(b"\n")[:-1] if line]
    for size in (1, 2, 3, 7, 64, 1000, len(text)):
        splitter = LineSplitter()
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert [line for chunk in chunks for line in splitter.feed(chunk)] == expected


def test_an_endless_line_is_given_up() -> None:
    splitter = LineSplitter(max_line_bytes=1000)
    for _ in range(10):
        splitter.feed(b"x" * 100)
    with pytest.raises(LineTooLongError):
        splitter.feed(b"x")
