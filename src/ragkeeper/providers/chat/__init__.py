"""Chat models: one port, an OpenAI-compatible client, a scripted fake."""
