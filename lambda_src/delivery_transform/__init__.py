"""Holds records to the contract between the data stream and their conversion to Parquet."""
