"""A command: exit status 0 in time is a sign of life."""

import asyncio
import contextlib
from collections.abc import Sequence

from nfvi_ha.agent.probes.process.checks.question import FAILED, Question, Unanswered


def command_question(command: Sequence[str]) -> Question:
    """Without a shell; ``{pid}`` in a word stands for the process' pid. Killed when its time is over."""

    async def ask(pid: int) -> None:
        words = [word.replace("{pid}", str(pid)) for word in command]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise Unanswered(FAILED, f"{words[0]}: {error.strerror or error}") from error
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if status != 0:
            raise Unanswered(FAILED, f"{words[0]} ended with {status}")

    return ask
