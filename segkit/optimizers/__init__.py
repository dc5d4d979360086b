"""segkit's own optimizers, one per file, each registered under the name of its file."""
