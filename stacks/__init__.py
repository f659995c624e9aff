"""The CloudFormation stacks: storage, ingestion, processing, monitoring."""
