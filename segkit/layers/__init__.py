"""torch.nn modules that several parts use."""
