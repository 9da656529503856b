"""The web console: one module per screen, on top of the services."""
