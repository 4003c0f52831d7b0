"""Measuring: percentiles of runs and the machine they ran on."""
