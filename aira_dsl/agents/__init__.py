"""Agents: a policy chooses the next operation, a language model carries it out.

Nothing here depends on what is searched for, nor on how trials are stored or evaluated. A `Domain`
(`agent.py`) writes the requests and parses the answers; `aira_dsl.study.architecture_agent` is the
one for architectures.
"""
