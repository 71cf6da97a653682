"""What this is, the models and where they come from."""
