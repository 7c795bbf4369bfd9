"""`python -m webhookcore_cli`: the command where its script is not on the path, as for children of the local mode."""

from webhookcore_cli.main import main

main()
