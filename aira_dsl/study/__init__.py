"""Search: the journal, the samplers, the loop, the run folder."""
