"""When the events of a series take place: RFC 5545 rules and time zones."""
