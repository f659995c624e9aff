"""What a person does to a deployment, on AWS or on the local AWS: destroy it, check its network."""
