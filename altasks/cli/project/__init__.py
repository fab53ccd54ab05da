"""A labelling project in the shell: one TOML, one store, and the commands that work on them."""
