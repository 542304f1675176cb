"""The config.json of decoder-only language models of transformers -> architecture.

A family is a function from a config to an architecture; `registry` names them by model_type. Names
of settings and defaults are those of transformers 5.23. A decoder layer of transformers is two
layers here: a mixer, and a feed-forward layer or experts.
"""
