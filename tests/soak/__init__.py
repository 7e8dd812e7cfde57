"""A service's months in minutes: many tasks, two clients, every fault at once.

`python -m tests.soak --seconds 600 --seed 7 --tasks 40` is the long one; a short one is a test.
"""
