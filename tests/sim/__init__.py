"""A cluster in virtual time, driven by the real decisions of ``nfvi_ha.core``."""
