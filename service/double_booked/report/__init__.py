"""Conflicts and free times as text, JSON, HTML, annotations and calendars."""
