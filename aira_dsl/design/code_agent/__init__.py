"""An agent that writes code: how it is asked, and how its answers are read."""
