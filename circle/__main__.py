"""`python -m circle` is `circle`."""

from circle.cli import main

main()
