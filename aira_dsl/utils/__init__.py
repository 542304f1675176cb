"""Files, machine facts and other helpers that know nothing of architectures."""
