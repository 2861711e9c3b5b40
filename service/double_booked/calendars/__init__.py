"""Event files in, EventList out."""
