"""Spark jobs, one file each, over shared transforms."""
