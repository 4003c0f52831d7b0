"""Verdicts: is a hypervisor alive? Pure decisions of one sentinel seat (DESIGN section 4, M2)."""
