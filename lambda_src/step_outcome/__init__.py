"""Follows each batch to its end, as EMR tells of steps and clusters."""
