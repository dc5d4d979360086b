"""Models as single files for other programs: ONNX and torch.export, checked when written, and read back here."""
