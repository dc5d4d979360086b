"""What a model costs and what it computes on the way."""
