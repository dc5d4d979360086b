"""What a model costs, part by part, and what it computes on the way to a prediction."""
