"""What router, workers and operator share: settings, notification, routing, delivery, signature, store, events."""

__version__ = "0.1.0"
