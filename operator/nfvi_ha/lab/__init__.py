"""The simulated NFVI: a real control plane, simulated hypervisors, real processes, real faults."""
