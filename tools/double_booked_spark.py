#!/usr/bin/python3
"""The command double-booked-spark, as a file that spark-submit and Spark's operators start."""

from double_booked.commands.spark import main

main()
