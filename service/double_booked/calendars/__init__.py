"""Files of events in (iCalendar, jCal, CSV, JSON), one request out.

`file_reader` reads a file of any format, and `merging` makes one request of several files. The
`ics_*` modules read iCalendar, the `json_*` modules JSON, and the `row*` modules what tables and
JSON arrays share.
"""
