"""Neural network layers that several parts use."""
