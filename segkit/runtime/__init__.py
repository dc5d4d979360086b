"""How a process computes: memory, precision, compilation, processes."""
