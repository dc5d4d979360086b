"""Compares the speed and memory of segkit and of another program, the peer, on equal inputs with equal outputs."""
