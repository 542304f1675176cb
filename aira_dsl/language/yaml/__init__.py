"""The YAML form: the same statements in another way of writing, both ways, and its schema."""
