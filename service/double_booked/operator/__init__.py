"""Calendars and Bookings in a cluster: a double booking is refused, or found and told."""
