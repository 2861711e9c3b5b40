"""The recurrence rules and time zones of RFC 5545, and when the events of a series take place.

`rules` parses a rule, `expansion` lists the times at which it fires, and `series` combines rules,
further and excluded times, and overrides. `calendar_times` has the types of times, `zones` and
`zone_names` have time zones. Nothing here knows a file format.
"""
