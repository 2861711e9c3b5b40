"""`python -m double_booked` is the `double-booked` command."""

from double_booked.commands import main

main(prog_name="double-booked")
