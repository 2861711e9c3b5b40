"""Files of events in (iCalendar, jCal, CSV, JSON, Parquet, Arrow), one request out.

`file_reader` reads a file of any format, and `merging` makes one request of several files. The
`ics_*` modules read iCalendar, the `json_*` modules JSON, the `arrow_*` modules Parquet and Arrow,
and the `row*` modules what tables and JSON arrays share.
"""
