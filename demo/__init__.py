"""The demo: a recorded day of WhatsApp traffic, played through the real system and checked to the last event."""
