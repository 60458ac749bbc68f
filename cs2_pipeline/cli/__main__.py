"""``python -m cs2_pipeline.cli``: the command `cs2` where its script is not on the path."""

from cs2_pipeline.cli.main import main

main()
