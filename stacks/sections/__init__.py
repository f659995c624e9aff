"""The sections of an environment's configuration, one file for each part of the pipeline."""
