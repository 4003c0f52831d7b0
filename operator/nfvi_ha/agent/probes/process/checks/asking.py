"""From a check to its question, and one question with its time limit."""

import asyncio
from dataclasses import dataclass
from typing import Final

from nfvi_ha.agent.probes.process.checks.command import command_question
from nfvi_ha.agent.probes.process.checks.cri import cri_question
from nfvi_ha.agent.probes.process.checks.http import http_question
from nfvi_ha.agent.probes.process.checks.libvirt import libvirt_question
from nfvi_ha.agent.probes.process.checks.ovs import ovs_question
from nfvi_ha.agent.probes.process.checks.question import NO_ANSWER, Question, Unanswered
from nfvi_ha.core.hostprocess.spec import Check, CheckKind

LATE_SECONDS: Final = 0.1
"""Time-outs that ring so much late show that we are slow ourselves, so that an answer may have been there in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question."""

    reason: str = ""
    """Empty: it answered."""
    detail: str = ""
    slow: bool = False
    """We were: nothing follows from it."""


def question_of(check: Check, host_root: str, seconds: float) -> Question:
    """The question; sockets are looked for below ``host_root``."""
    match check.kind:
        case CheckKind.HTTP | CheckKind.HTTPS:
            return http_question(check.address, tls=check.kind is CheckKind.HTTPS)
        case CheckKind.LIBVIRT:
            return libvirt_question(host_root + check.address)
        case CheckKind.CRI:
            return cri_question(host_root + check.address, seconds)
        case CheckKind.OVS:
            return ovs_question(host_root + check.address)
        case CheckKind.COMMAND:
            return command_question(check.command)


async def ask(question: Question, pid: int, seconds: float) -> Outcome:
    """Ask once."""
    loop = asyncio.get_running_loop()
    began, late = loop.time(), seconds + LATE_SECONDS
    try:
        async with asyncio.timeout(seconds):
            await question(pid)
    except TimeoutError:
        return Outcome(NO_ANSWER, f"no answer within {round(seconds * 1000)} ms", loop.time() - began > late)
    except Unanswered as error:
        return Outcome(error.reason, str(error), loop.time() - began > late)
    return Outcome()
