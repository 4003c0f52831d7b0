"""kopf writes to objects from every replica as soon as a state-changing handler exists: there must be none."""

import ast
from pathlib import Path

import kopf
import pytest

import nfvi_ha
from nfvi_ha.operator.handlers import Backoffs, build_registry, configure

SOURCES = sorted(Path(nfvi_ha.__file__).parent.rglob("*.py"))
ALLOWED = {"event", "startup", "cleanup", "probe", "login"}
FORBIDDEN_NAMES = {"index", "timer", "daemon", "subhandler", "register"}


def kopf_uses(source: str) -> set[str]:
    """Names used as kopf.on.NAME or kopf.NAME."""
    uses = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text.startswith("kopf.on."):
                uses.add(text.removeprefix("kopf.on.").split(".")[0])
            elif text.startswith("kopf.") and text.split(".")[1] in FORBIDDEN_NAMES:
                uses.add(text.split(".")[1])
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kopf"):
            uses.add(f"from {node.module} import")
    return uses


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_only_harmless_kopf_handlers_are_used(path: Path) -> None:
    assert kopf_uses(path.read_text()) <= ALLOWED


def test_the_check_sees_what_it_forbids() -> None:
    decorators = ("@kopf.on.update('x')", "@kopf.timer('x')", "@kopf.index('x')")
    source = "\n".join(f"{decorator}\ndef f(): ..." for decorator in decorators)
    assert kopf_uses(source) == {"update", "timer", "index"}


def test_handlers_need_no_finalizer_and_hand_events_on() -> None:
    class Feed:
        def __init__(self) -> None:
            self.events: list[tuple[str, object]] = []

        def vnfreplicaset(self, event: object) -> None:
            self.events.append(("vnfreplicaset", event))

        def vimendpoint(self, event: object) -> None:
            self.events.append(("vimendpoint", event))

        def hapolicy(self, event: object) -> None:
            self.events.append(("hapolicy", event))

        def stopped(self) -> None:
            self.events.append(("stopped", None))

    registry = build_registry(Feed())
    handlers = [*registry._watching.get_all_handlers(), *registry._changing.get_all_handlers()]
    assert {handler.id for handler in handlers} == {"vnfreplicaset", "vimendpoint", "hapolicy"}
    assert not registry._spawning.get_all_handlers()
    assert not list(registry._changing.get_all_handlers())


def test_nothing_may_wait_for_minutes() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)
    assert settings.networking.request_timeout == 10
    assert settings.watching.connect_timeout == 3
    assert not settings.posting.enabled


def test_retries_never_end_and_stay_bounded() -> None:
    delays = [delay for delay, _ in zip(Backoffs(), range(200), strict=False)]
    assert len(delays) == 200
    assert 0 < min(delays) <= 0.15
    assert max(delays) <= 7.5
