"""Batches of raw objects: who has claimed what, and how far each batch is."""
