"""The agent as a source of trials, whatever its candidates are."""
