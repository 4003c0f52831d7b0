"""Questions to daemons, each in its own protocol, each so small that an answer costs the daemon nothing."""
