"""Progress is the part of a task that is done."""

from double_booked.view.progress import scale, track, track_sizes


def test_tracked_items_report_their_part_of_the_task() -> None:
    parts: list[float] = []
    assert list(track(range(256), parts.append)) == list(range(256))
    assert parts == [0, 0.25, 0.5, 0.75]


def test_tracked_items_may_be_a_part_of_a_task() -> None:
    parts: list[float] = []
    assert list(track("ab", parts.append, 0.2, 0.5)) == ["a", "b"]
    assert parts == [0.2]


def test_scaled_progress_is_a_part_of_a_larger_task() -> None:
    parts: list[float] = []
    scale(parts.append, 0.5, 0.75)(0.5)
    assert parts == [0.625]


def test_tracked_lines_report_their_bytes() -> None:
    lines = [b"12345678\n"] * 128
    parts: list[float] = []
    assert list(track_sizes(lines, 9 * 128, parts.append)) == lines
    assert parts == [0, 0.5]


def test_lines_of_an_unknown_size_report_nothing() -> None:
    parts: list[float] = []
    assert list(track_sizes([b"a"], 0, parts.append)) == [b"a"]
    assert not parts


def test_file_that_grows_is_never_more_than_done() -> None:
    parts: list[float] = []
    list(track_sizes([b"a"] * 128, 1, parts.append))
    assert parts == [0, 1]
