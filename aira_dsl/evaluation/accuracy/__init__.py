"""Accuracy of trained models on tasks of lm-evaluation-harness, and log-likelihoods of texts."""
