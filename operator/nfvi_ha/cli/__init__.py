"""The one command, ``nfvi-ha``."""
