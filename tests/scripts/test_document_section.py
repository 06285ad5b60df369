"""The part of a document that a script writes."""

from document_section import with_section

BEGIN, END = (f"<!-- {word}: written by scripts/x.py -->" for word in ("begin", "end"))


def test_what_is_written_by_hand_stays():
    document = with_section("# Title\n", "old\n", "x.py") + "after\n"
    assert with_section(document, "new\n", "x.py") == f"# Title\n{BEGIN}\nnew\n{END}\nafter\n"


def test_two_scripts_may_write_to_one_document():
    document = with_section(with_section("", "a\n", "x.py"), "b\n", "y.py")
    assert with_section(document, "c\n", "x.py") == document.replace("a\n", "c\n")
