"""Sentinels: they judge hypervisors alive or dead together, and tell the VIM first."""
