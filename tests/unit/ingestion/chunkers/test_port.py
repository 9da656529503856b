from ragkeeper.ingestion.chunkers.port import PREFIX_LIMIT, index_prefix, indexed_text, shorten, width


def test_title_and_headings_go_before_the_text():
    assert indexed_text("Guide", ("Setup", "Linux"), "Run it.") == "Guide > Setup > Linux\nRun it."


def test_without_names_the_text_stands_alone():
    assert indexed_text(None, (), "Run it.") == "Run it."
    assert indexed_text("", ("",), "Run it.") == "Run it."


def test_a_name_the_text_begins_with_is_not_repeated():
    assert indexed_text("The\nGuide", ("Setup",), "# The  Guide\n\nRun it.") == "Setup\n# The  Guide\n\nRun it."
    assert index_prefix("Guide", ("Guide", "Setup")) == "Guide > Setup"


def test_inner_headings_stay_where_room_is_short():
    outer, inner = "outer " * 30, "the innermost heading"
    prefix = index_prefix("A title", (outer, inner))
    assert prefix.startswith("A title > outer")
    assert prefix.endswith(f"> {inner}")
    assert width(prefix) <= PREFIX_LIMIT


def test_long_names_end_with_a_whole_word():
    assert shorten("several words here", 10) == "several"
    assert shorten("x" * 20, 10) == "x" * 10
    assert shorten("題名が長い", 7) == "題名"
    assert shorten("fits", 10) == "fits"


def test_the_prefix_is_never_wider_than_its_limit():
    for title in (None, "t" * 500, "word " * 100, "題名" * 100):
        for headings in ((), ("h" * 500,), tuple(f"heading {number}" for number in range(50)), ("見出し" * 50,)):
            assert width(index_prefix(title, headings)) <= PREFIX_LIMIT


def test_leaving_out_a_name_never_makes_the_prefix_longer():
    title, headings = "a title of some length " * 4, ("heading " * 30, "inner " * 10)
    whole = index_prefix(title, headings)
    assert index_prefix(title, headings, text=title) in whole
