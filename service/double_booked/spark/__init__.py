"""The same answer for a table that one machine does not hold, with Apache Spark."""
