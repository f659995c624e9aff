"""Finds, on a schedule, what no event told: steps that ended, and objects that no step took."""
