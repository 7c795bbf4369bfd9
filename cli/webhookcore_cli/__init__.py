"""The command `webhookcore`."""
