"""What a process starts does not run before everybody else only because the process itself does."""

import json
import subprocess
import sys

import pytest

from nfvi_ha.scheduling import Scheduling

PROGRAM = """
import asyncio, json, os, subprocess, sys, threading
from nfvi_ha.scheduling import prefer

if sys.argv[1] == "refused":
    really = os.sched_setscheduler

    def refusing(pid, policy, param):
        if policy & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
            raise PermissionError("as in a cpu cgroup without a real-time budget")
        really(pid, policy, param)

    os.sched_setscheduler = refusing

seen = {"before": [os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)]}
seen["granted"] = prefer(os.SCHED_RR, 5).value
look = "import os; print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"
command = [sys.executable, "-c", look]

def note(name, text):
    seen[name] = [int(word) for word in text.split()]

def from_thread():
    note("thread", f"{os.sched_getscheduler(0)} {os.getpriority(os.PRIO_PROCESS, threading.get_native_id())}")
    note("child of a thread", subprocess.check_output(command, text=True))

async def from_loop():
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    note("child of a loop", (await process.communicate())[0].decode())

def spawned():
    ours, theirs = os.pipe()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 1)])
    os.waitpid(pid, 0)
    os.close(theirs)
    note("spawned child", open(ours).read())

asyncio.run(from_loop())
spawned()
thread = threading.Thread(target=from_thread)
thread.start()
thread.join()
print(json.dumps(seen))
"""


@pytest.mark.parametrize(("real_time", "wanted"), [("permitted", Scheduling.REAL_TIME), ("refused", Scheduling.NICE)])
def test_threads_and_children_get_no_priority_of_ours(real_time: str, wanted: Scheduling) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, real_time], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    before, granted = seen.pop("before"), seen.pop("granted")
    if granted != wanted:
        pytest.skip(f"this machine grants {granted} only")
    assert seen.keys() == {"thread", "child of a thread", "child of a loop", "spawned child"}
    ordinary = [0, max(0, before[1])]
    assert seen == dict.fromkeys(seen, ordinary)
