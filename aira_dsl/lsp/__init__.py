"""Editor support: what `aira-dsl lsp` answers, and how `.arch` files are coloured.

The logic is functions from a text and an offset to an answer; `server` alone knows the protocol,
and only it needs the extra `lsp`. The text is broken most of the time it is edited, so nothing here
waits for a parse: `outline` cuts any text into sections and statements, and the language's own
doors are asked about the pieces. No torch.
"""
