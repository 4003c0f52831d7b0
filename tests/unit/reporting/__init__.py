"""Tests of nfvi_ha.reporting."""
