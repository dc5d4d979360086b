"""From files to batches: paths, decoding, class lists, padding, collating, loading."""
