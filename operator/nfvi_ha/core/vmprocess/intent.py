"""Was a VM's end asked for? (issue 3 item 2; facts/detection.md section 2.2)

Each guard names why the end of the VM's process on this node is no failure of the VM, or nothing. Their order is that
of the reasons given, not of their weight: one is enough.
"""

from collections.abc import Callable
from typing import Final

from nfvi_ha.core.vmprocess.facts import Knowledge

SILENCED: Final = "ReportFalse"
DELETED: Final = "Deleted"
SHUT_DOWN: Final = "ShutDown"
LAUNCHER_ENDING: Final = "LauncherTold"
MIGRATED_AWAY: Final = "MigrationSource"
MIGRATION_TARGET: Final = "MigrationTarget"
NOT_IN_THE_API: Final = "NotInTheApi"

Guard = Callable[[Knowledge, str], str]


def intended(known: Knowledge, node: str) -> str:
    """Why the end of this VM's process on this node is none of the VM, or none to be told of; "" if nothing says so."""
    return next((reason for guard in GUARDS if (reason := guard(known, node))), "")


def _silenced(known: Knowledge, _node: str) -> str:
    return SILENCED if known.vm is not None and not known.vm.report else ""


def _deleted(known: Knowledge, _node: str) -> str:
    return DELETED if known.vm is not None and (known.vm.deleting or known.vm.gone) else ""


def _shut_down(known: Knowledge, _node: str) -> str:
    return SHUT_DOWN if known.vm is not None and known.vm.phase == "Succeeded" else ""


def _launcher_ending(known: Knowledge, _node: str) -> str:
    """Somebody deleted the pod, so the kubelet told it to end; the operator tells of that."""
    return LAUNCHER_ENDING if known.launcher is not None and known.launcher.deleting else ""


def _migrated_away(known: Knowledge, node: str) -> str:
    """The source is ended once the target has taken over. Before, its death is the VM's."""
    vm = known.vm
    if vm is None or vm.migration is None or vm.migration.failed or vm.migration.source != node:
        return ""
    over = vm.migration.completed or vm.migration.target_ready or vm.node not in ("", node)
    return MIGRATED_AWAY if over else ""


def _migration_target(known: Knowledge, node: str) -> str:
    """The target of a migration that fails leaves the VM where it was; after post-copy began it takes it along."""
    vm = known.vm
    if vm is None or vm.node in ("", node) or vm.migration is None or vm.migration.target != node:
        return ""
    return "" if vm.migration.post_copy or vm.migration.completed else MIGRATION_TARGET


def _not_in_the_api(known: Knowledge, _node: str) -> str:
    return NOT_IN_THE_API if known.vm is None and known.synced else ""


GUARDS: Final[tuple[Guard, ...]] = (
    _silenced,
    _deleted,
    _shut_down,
    _launcher_ending,
    _migrated_away,
    _migration_target,
    _not_in_the_api,
)
