"""The MLP."""
