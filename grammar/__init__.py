"""The language by itself: the grammar, its specification and editor grammars."""
