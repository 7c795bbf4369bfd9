"""The router: receives notifications, keeps them, decides, dispatches and settles."""
