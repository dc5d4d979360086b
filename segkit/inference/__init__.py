"""Prediction for single images: the predictor and the sliding window."""
