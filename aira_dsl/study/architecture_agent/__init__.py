"""The agent that proposes architectures: its prompts, answers and trials."""
