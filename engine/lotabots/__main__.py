"""``python -m lotabots``: the same as the `lotabots` command."""

from lotabots.cli.start import main

main()
