"""One file per model family or tool: its notation, read and written."""
