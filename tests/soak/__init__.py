"""Soak test: many tasks use two clients of a server that injects every fault at once.

Run a long soak with `python -m tests.soak --seconds 600 --seed 7 --tasks 40`. The test suite
contains a short one.
"""
