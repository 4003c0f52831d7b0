"""A process of the bench that cannot do what it is asked says so, and one that ended is noticed."""

from pathlib import Path

import pytest

from nfvi_ha.lab.bench.part import Part
from nfvi_ha.lab.errors import LabFailed

ECHO = """
import asyncio
from nfvi_ha.lab.bench.part import serve

async def answer(request):
    if request["do"] == "refuse":
        raise ValueError("not this")
    return {"heard": request}

asyncio.run(serve(answer))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "bench_echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "bench_echo"


async def test_a_request_is_answered_and_a_refusal_is_told_with_its_reason(module: str, tmp_path: Path) -> None:
    part = await Part.start(module, [], tmp_path / "log")
    try:
        assert await part.ask("this", count=3) == {"heard": {"do": "this", "count": 3}}
        with pytest.raises(LabFailed, match="could not refuse: ValueError: not this"):
            await part.ask("refuse")
        assert await part.ask("that") == {"heard": {"do": "that"}}
    finally:
        await part.stop()
    assert part._process.returncode == 0, "it ends by itself when nobody can ask it any more"


async def test_the_end_of_a_process_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = await Part.start("no_such_module_of_the_bench", [], tmp_path / "log")
    try:
        with pytest.raises(LabFailed, match="No module named no_such_module_of_the_bench"):
            await part.ask("anything")
    finally:
        await part.stop()
