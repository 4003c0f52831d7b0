"""The lab's networks: a namespace per host, bridges for switches, and the faults on them."""
