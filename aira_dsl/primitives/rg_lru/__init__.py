"""RG-LRU block."""
