"""Counts the events on the data stream by source and type, in near real time."""
