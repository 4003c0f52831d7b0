"""Decisions on the processes of VMs: whose they are, whether their end was intended, and what to say of it."""
