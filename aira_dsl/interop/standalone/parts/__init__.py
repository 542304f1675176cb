"""The code that exports are made of: real modules here, text in an exported file.

What follows the imports of each is copied. So they are written to be read by someone who has never
heard of this package, and need nothing but torch (and transformers, in `hugging_face`).
"""
