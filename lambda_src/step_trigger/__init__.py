"""Turns new raw objects into one Spark step a batch."""
