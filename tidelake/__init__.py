"""tidelake: a streaming data lake on AWS that also runs, whole, on a laptop."""

__version__ = "0.1.0"
