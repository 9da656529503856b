from ragkeeper.core.lines import one_line, plain


def test_text_of_documents_cannot_steer_a_terminal() -> None:
    assert plain("a\x1b[31mred\x07\x9b2J\rb\n\tc") == "a[31mred2Jb\n\tc"


def test_a_text_of_others_is_one_line_of_some_length() -> None:
    assert one_line(" a \n\n b\tc ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"
