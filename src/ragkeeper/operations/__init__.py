"""Running the server: health, and later metrics, alerts, backup, maintenance. Knows no product feature."""
