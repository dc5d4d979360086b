"""Pictures, labels and batches."""
