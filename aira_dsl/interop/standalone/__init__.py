"""Exports that need nothing but torch: one Python source file."""
