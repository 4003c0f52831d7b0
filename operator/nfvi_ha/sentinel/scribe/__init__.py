"""The sentinel's cold process: the only one with a Kubernetes client.

It feeds the hot process with what the cluster is (nodes, VMs, endpoints, keys, policy, records), and writes what the
hot process saw (Incidents, Hypervisors, node conditions, taints, Events). The hot process never waits for it: it
starts from the cache file, keeps what could not be written in its spool, and goes on when this process is gone.

``lines`` has the words that both processes speak; it is all that the hot process may import from here.
"""
