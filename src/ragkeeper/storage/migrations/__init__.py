"""Alembic's folder: one file per schema change."""
