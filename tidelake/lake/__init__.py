"""The lake, read without Spark: its files and tables, what they say, and whether they add up."""
