"""What pages, feeds and terminals show, as data: conflicts, days, repeats and times."""
