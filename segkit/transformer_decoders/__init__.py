"""segkit's own transformer decoders, one per file, each registered under the name of its file."""
