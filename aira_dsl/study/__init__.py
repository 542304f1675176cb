"""Search: one journal, classical samplers, a loop that many machines can share."""

import optuna

# What Optuna would say of each study and trial, our progress view says better.
optuna.logging.set_verbosity(optuna.logging.WARNING)
