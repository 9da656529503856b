"""Words every folder shares: settings, errors, access, ids, clock, telemetry. Imports nothing of ours."""
