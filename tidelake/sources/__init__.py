"""Where events come from: lines of files, parsed and validated into typed events."""
