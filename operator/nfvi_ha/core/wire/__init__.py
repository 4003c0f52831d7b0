"""Datagrams between agents and sentinels: bytes to frozen dataclasses and back, and which of them are fresh.

Standard library only: the beat process imports this and must stay small (a test of the agent asserts it). A decoder
refuses bad input with ``BadFrame`` and never another exception; an encoder refuses what a field cannot hold with
``OutOfRange``. Nothing here knows sockets or clocks.
"""
