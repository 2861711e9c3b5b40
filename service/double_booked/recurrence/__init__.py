"""The recurrence rules and time zones of RFC 5545, and when the events of a series take place.

`rules` parses a rule, `expansion` lists the times at which it fires, and `series` combines rules,
further and excluded times, and overrides. `zones` and `zone_names` hold time zones. Nothing here
knows a file format: calendars and Bookings are both series.
"""
