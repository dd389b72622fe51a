"""`python -m millgate` is the `millgate` command."""

from millgate.surfaces.cli.main import main

main()
