"""segkit's speed and memory beside a peer's: the same work on equal inputs, the outputs compared first."""
