"""``python -m nfvi_ha``."""

from nfvi_ha.cli.main import main

main()
