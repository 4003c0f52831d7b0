"""Pure decisions: no I/O, no asyncio, no Kubernetes; clocks, ids and randomness are passed in."""
