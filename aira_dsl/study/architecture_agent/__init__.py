"""The agent that proposes architectures: its prompts, how its answers are read, what it costs."""
