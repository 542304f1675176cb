"""What is said about a text: codes, places, words, and edits that put it right."""
