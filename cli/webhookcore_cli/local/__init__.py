"""The local mode: the whole system on one machine, from one command."""
