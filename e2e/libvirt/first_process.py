"""PID 1 of the box: gives libvirtd directories of its own, starts it when told to, and waits for all that ends.

``unshare --mount --pid --fork --kill-child --mount-proc python first_process.py DIRECTORY``. Each line on standard
input starts libvirtd (again); the end of standard input ends this process, and so everything in the box.

libvirt that runs as root has fixed places; here the places are other than the machine's. It waits for orphans at once,
because libvirt believes a qemu to be alive for as long as nobody has waited for it. Standard library only.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

PR_SET_THP_DISABLE: Final = 41
LIBVIRTD: Final = "/usr/sbin/libvirtd"
USER: Final = "libvirt-qemu"
"""libvirt does not start without this user, though it is told to run qemu as another. No package that we need makes
it."""
USER_ID: Final = 64055
"""Debian's."""
QEMU_CONF: Final = """\
# As KubeVirt has it: qemu stays where it is, pods are its confinement.
user = "root"
group = "root"
dynamic_ownership = 0
namespaces = []
cgroup_controllers = []
security_driver = "none"
stdio_handler = "file"
max_core = "unlimited"
dump_guest_core = 1
"""
LIBVIRTD_CONF: Final = 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n'


def main(directory: Path) -> None:
    """Until standard input ends."""
    _move_in(directory)
    # 4 kB pages: a guest's memory is freed as slowly as it can be.
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fd == woken:
                os.read(woken, 4096)
                _wait_for_all()
            elif os.read(0, 4096):
                log = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
                argv = [LIBVIRTD, "--config", str(directory / "etc" / "libvirtd.conf")]
                os.posix_spawn(LIBVIRTD, argv, os.environ, file_actions=log, setsid=True)
            else:
                return


def _move_in(directory: Path) -> None:
    for name in ("etc", "run", "var"):
        (directory / name).mkdir()
    (directory / "etc" / "qemu.conf").write_text(QEMU_CONF)
    (directory / "etc" / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    for name, line in (("passwd", f"{USER}:x:{USER_ID}:{USER_ID}::/:/usr/sbin/nologin"), ("group", f"{USER}:x:64055:")):
        (directory / name).write_text(f"{Path('/etc', name).read_text().rstrip()}\n{line}\n")
    places = {"etc": "/etc/libvirt", "run": "/run", "var": "/var", "passwd": "/etc/passwd", "group": "/etc/group"}
    for name, place in places.items():
        subprocess.run(["mount", "--bind", str(directory / name), place], check=True)


def _wait_for_all() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
