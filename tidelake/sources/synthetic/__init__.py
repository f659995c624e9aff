"""Realistic lines of every source out of a seed, for the demo, for load and for tests."""
