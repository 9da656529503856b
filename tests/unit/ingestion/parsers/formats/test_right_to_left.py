"""Right-to-left lines come in reading order."""

from ragkeeper.ingestion.parsers.formats import right_to_left


def test_right_to_left_lines_are_put_in_reading_order():
    assert right_to_left.reorder("words stay\n\u0628\u0628 \u062b Python 3 \u060c\u062a\u062a") == (
        "words stay\n\u062a\u062a\u060c Python 3 \u062b \u0628\u0628"
    )
    assert right_to_left.reorder("\u0627\u0625\u0644\u0646 \u0628") == "\u0628 \u0627\u0644\u0625\u0646"
