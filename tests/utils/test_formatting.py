import pytest

from aira_dsl.utils.formatting import (
    aligned,
    clock,
    duration,
    gib,
    humanized,
    interval,
    listed,
    number,
    plural,
    score,
    usd,
)


def test_large_numbers_are_short():
    numbers = [7, 999, 1_000, 65_664, 999_600, 1_050_000, 264_241_152, 13.25e9, 4e15]
    assert [humanized(n) for n in numbers] == [
        "7", "999", "1k", "65.7k", "1M", "1.05M", "264M", "13.2G", "4P",
    ]  # fmt: skip


def test_times_roll_over_to_the_next_unit():
    assert [duration(s) for s in (0.04, 59.96, 200, 7500)] == [
        "0.0 s", "1 min 0 s", "3 min 20 s", "2 h 5 min",
    ]  # fmt: skip
    assert [clock(s) for s in (4, 59.6, 200, 7500)] == ["0:04", "1:00", "3:20", "2:05:00"]


def test_a_missing_number_is_an_empty_text():
    assert [score(None), usd(None), number(None, ".2f")] == ["", "", ""]


def test_scores_amounts_bytes_and_intervals():
    assert score(0.74224) == "0.7422"
    assert [usd(0.0031), usd(12.5)] == ["$0.0031", "$12.50"]
    assert gib(1536 << 20) == "1.5 GiB"
    assert interval(0.5, 0.25, 0.75, ".2f") == "0.50 (0.25-0.75)"
    assert interval(0.5, 0.5, 0.5, ".2f") == "0.50"
    assert [plural(1, "repeat"), plural(1200, "repeat")] == ["1 repeat", "1,200 repeats"]


def test_long_lists_end_with_a_count():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg"), 2) == "a, b and 5 more"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.5, 12.25, 8.0], ["0.5", "12.2", "8.0"]),
        ([0.5, 0.591, None], ["0.500", "0.591", ""]),
        ([40.0, 1200.0], ["40", "1,200"]),
        ([676.4, 80.25], ["676", "80"]),
        ([0.0, 0.0], ["0", "0"]),
        ([float("inf"), 1.5], ["inf", "1.50"]),
        ([], []),
    ],
)
def test_a_column_has_one_number_of_decimals(values, texts):
    assert aligned(values) == texts
