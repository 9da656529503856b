"""What the lines of a PDF page mean."""

from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.parsers.formats import lines


def test_wrapped_lines_are_joined_and_rows_are_not():
    page = (
        "The Company generally does not require collateral from its customers in any of\n"
        "its markets and may enter into forward con-\n"
        "tracts.\n"
        "Total assets 350,662 351,002\n"
        "Total debt 1,002 2,003"
    )
    assert lines.unwrap(page).split("\n") == [
        page.split("\nTotal", maxsplit=1)[0].replace("con-\ntracts", "contracts").replace("\n", " "),
        "Total assets 350,662 351,002",
        "Total debt 1,002 2,003",
    ]


def test_headings_of_a_page():
    page = "ACME CORP\nItem 2. Results of Operations\nSales rose.\n3.1 Risks and chances\nMany.\nItem 9. Other 45\nend"
    found = [(level, title) for level, _, _, title in lines.headings(page, frozenset({"ACME CORP"}))]
    assert found == [(2, "Item 2. Results of Operations"), (3, "3.1 Risks and chances")]


@given(st.text(st.sampled_from("ABab 12.-\n"), max_size=200))
def test_headings_of_any_page_lie_in_it(page: str):
    for _, start, end, title in lines.headings(page, frozenset()):
        assert page[start:end] == title
