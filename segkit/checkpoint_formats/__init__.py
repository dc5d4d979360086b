"""segkit's own checkpoint formats, one per file, each registered under the name of its file."""
