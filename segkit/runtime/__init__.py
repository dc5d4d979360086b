"""How a process computes: device, processes, precision, compilation, memory, and how it writes files."""
