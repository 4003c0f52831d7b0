"""The agent of one hypervisor: a beat process, and a probes process that tells it what is broken."""
