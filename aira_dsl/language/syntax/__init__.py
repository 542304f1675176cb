"""Text -> syntax tree: what was written and where, before anyone asks what it means."""
