"""Pure tensor functions, used by parts of every kind."""
