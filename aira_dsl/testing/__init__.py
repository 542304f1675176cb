"""Public test helpers; each module imports only what it needs."""
