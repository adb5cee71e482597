"""``python -m lotabots``: the same as the `lotabots` command."""

from lotabots.cli.main import main

main()
