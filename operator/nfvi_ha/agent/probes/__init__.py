"""The probes, and the process that runs them."""
