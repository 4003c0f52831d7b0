"""How we talk to Kubernetes: client, informer, Lease, Events."""
