"""segkit's own schedules, one per file, each registered under the name of its file."""
