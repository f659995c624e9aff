"""Getting events into and out of a Kinesis data stream."""
