"""What an exported file computes in place of each postprocessor, one task per file."""
