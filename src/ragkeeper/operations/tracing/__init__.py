"""Sends traces to who collects them, by OpenTelemetry's protocol."""
