"""Training of language models on text: one process, or many with torchrun."""
