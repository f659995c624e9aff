"""What the project costs, measured against named peers; see `benches/README.md`."""
