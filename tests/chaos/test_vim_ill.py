"""One VIM is ill: it gets everything once it is well, in order, and its neighbour never notices."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chaos_world import SETTLE_SECONDS, ChaosWorld, Scale, Start, judge_records
from second_vim import SecondVim, second_vim

HEALTHY_SECONDS = 1.0
Illness = Callable[[SecondVim, Scale], Any]


@asynccontextmanager
async def _down(vim: SecondVim, scale: Scale) -> AsyncIterator[None]:
    await vim.down()
    yield
    await asyncio.sleep(scale.of(2, 60))
    await vim.up()


@asynccontextmanager
async def _slow(vim: SecondVim, scale: Scale) -> AsyncIterator[None]:
    vim.receiver.misbehave(delay_seconds=scale.of(2, 5))
    yield
    vim.receiver.misbehave()


@asynccontextmanager
async def _errors(vim: SecondVim, scale: Scale) -> AsyncIterator[None]:
    vim.receiver.misbehave(status=500)
    yield
    await asyncio.sleep(scale.of(2, 30))
    vim.receiver.misbehave()


@asynccontextmanager
async def _closing(vim: SecondVim, scale: Scale) -> AsyncIterator[None]:
    vim.receiver.misbehave(manner="close", every=2)
    yield
    vim.receiver.misbehave()


@asynccontextmanager
async def _silent(vim: SecondVim, scale: Scale) -> AsyncIterator[None]:
    vim.receiver.misbehave(manner="drop")
    yield
    await asyncio.sleep(scale.of(2, 30))
    vim.receiver.misbehave()


ILLNESSES = (_down, _slow, _errors, _closing, _silent)


async def test_an_ill_vim_gets_everything_in_the_end_and_slows_nobody(start: Start, scale: Scale) -> None:
    world = await start(operators=1, replicas=4)
    # A request takes longer than 5 s at a slow VIM; back-off short enough for a test to see the end of it.
    delivery = {"initialBackoff": "200ms", "maxBackoff": "1s"}
    async with second_vim(world, timeout="8s", delivery=delivery) as vim:
        for illness in world.random.sample(ILLNESSES, len(ILLNESSES)):
            world.figures.values["last illness"] = illness.__name__
            async with illness(vim, scale):
                await world.kill_vms(scale.of(2, 20), 0.5)
                await world.told_all()
            await _settled(world, vim)
        latencies = [record.detected_ms or 0.0 for record in world.records() if record.arrival == 1]
        world.figures.values["healthy ms max"] = round(max(latencies))
        assert max(latencies) < HEALTHY_SECONDS * 1000.0


async def test_an_operator_killed_while_a_vim_is_away_leaves_nothing_undelivered(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=4)
    async with second_vim(world, delivery={"initialBackoff": "200ms", "maxBackoff": "1s"}) as vim:
        async with _down(vim, scale):
            for _ in range(scale.of(2, 10)):
                await world.kill_vm()
                await world.pause(1.0)
                world.signal_operator(world.random.choice(world.operators.names()), signal.SIGKILL)
            await world.told_all()
        await _settled(world, vim)


async def _settled(world: ChaosWorld, vim: SecondVim) -> None:
    await world.settled(SETTLE_SECONDS * 2)
    judge_records(vim.receiver.records, world.kills)
    told = {record.id for record in world.records()}
    accepted = vim.accepted()
    world.figures.values["doubles at the ill one"] = sum(count - 1 for count in accepted.values())
    assert accepted.keys() == told
