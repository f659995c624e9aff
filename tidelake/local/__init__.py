"""The local AWS, and the demo that runs the whole pipeline on it."""
