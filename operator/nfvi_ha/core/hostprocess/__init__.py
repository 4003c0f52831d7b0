"""Decisions on the processes that a hypervisor needs (M4): which they are, and whether they are well."""
