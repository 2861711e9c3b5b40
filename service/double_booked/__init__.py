"""double-booked: finds conflicting events."""
