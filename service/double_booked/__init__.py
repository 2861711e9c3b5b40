"""double-booked: tells which events of a list conflict."""
