"""Is it well, and what can it do right now?"""
