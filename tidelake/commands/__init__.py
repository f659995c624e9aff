"""The commands of `tidelake`, a file for each: arguments -> calls. No logic."""
