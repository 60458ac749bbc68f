"""The command ``cs2``: one module per group of commands, `main` puts them together."""
