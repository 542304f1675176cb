"""Code of exports: modules here, text in an exported file.

The text after the imports of each module is copied. It is written for readers who do not know this
package, and needs only torch (and transformers, in `hugging_face`).
"""
