"""Keeping a VNF's VMs at their number: from a frozen snapshot to a list of actions and a status (H8)."""
