"""Where events come from: each source turns raw lines into typed events."""
