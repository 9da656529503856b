from pathlib import Path

import pytest

from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.tokenizer import TOKENIZER_FILE, load_tokenizer, token_spans


def test_spans_are_characters_of_the_text_not_bytes() -> None:
    text = "Äpfel unbelievably \U0001f642 end"
    pieces = [text[start:end] for start, end in token_spans(load_tokenizer(), text)]
    assert "".join(pieces) == text.replace(" ", "")
    assert pieces[-1] == "end"


def test_a_long_text_is_not_cut() -> None:
    assert len(token_spans(load_tokenizer(), "word " * 5000)) == 5000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match=TOKENIZER_FILE):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / TOKENIZER_FILE).write_text(content)
    with pytest.raises(EmbedderUnavailable, match="is not a tokenizer"):
        load_tokenizer(tmp_path)
