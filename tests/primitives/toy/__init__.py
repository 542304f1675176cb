"""A primitive outside the package: a decaying average of the tokens so far."""
