"""segkit's own hooks, one per file, each registered under the name of its file."""
