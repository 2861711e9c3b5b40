"""The tables that a job reads and writes, by their names."""

import pytest

from double_booked.spark.tables import Table, parse_table


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("gs://bookings/events", Table("parquet", "gs://bookings/events")),
        ("/data/events", Table("parquet", "/data/events")),
        ("hdfs://name:8020/events", Table("parquet", "hdfs://name:8020/events")),
        ("iceberg:lake.bookings.events", Table("iceberg", "lake.bookings.events")),
        ("iceberg:lake.eu.bookings.events", Table("iceberg", "lake.eu.bookings.events")),
        ("bigquery:project.bookings.events", Table("bigquery", "project.bookings.events")),
    ],
)
def test_a_table_is_named_by_its_format_and_name(text: str, table: Table) -> None:
    assert parse_table(text) == table


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("iceberg:events", "is not iceberg:CATALOG.DB.TABLE"),
        ("iceberg:lake..events", "is not iceberg:CATALOG.DB.TABLE"),
        ("bigquery:bookings.events", "is not bigquery:PROJECT.DATASET.TABLE"),
        ("", "the path is empty"),
    ],
)
def test_an_incomplete_name_is_rejected(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_table(text)


@pytest.mark.parametrize(
    ("output", "members"),
    [
        ("gs://bookings/conflicts", "gs://bookings/conflicts/members"),
        ("gs://bookings/conflicts/", "gs://bookings/conflicts/members"),
        ("iceberg:lake.bookings.conflicts", "lake.bookings.conflicts_members"),
        ("bigquery:project.bookings.conflicts", "project.bookings.conflicts_members"),
    ],
)
def test_a_part_of_an_answer_is_a_folder_or_a_table(output: str, members: str) -> None:
    assert parse_table(output).part("members").name == members
