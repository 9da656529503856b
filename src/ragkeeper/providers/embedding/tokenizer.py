"""The tokenizer of the shipped model, which also approximates the tokenizers of models behind an API."""

from pathlib import Path

from tokenizers import Tokenizer

from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.rules import writable

SHIPPED_MODEL = Path(__file__).parent / "minilm"
TOKENIZER_FILE = "tokenizer.json"


def load_tokenizer(folder: Path = SHIPPED_MODEL) -> Tokenizer:
    """Reads `tokenizer.json` of a model's folder, with truncation and padding off. Raises EmbedderUnavailable."""
    path = folder / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EmbedderUnavailable(name=folder.name, reason=f"{path} cannot be read ({error.strerror})") from error
    except Exception as error:  # the library raises bare Exception for every malformed file
        raise EmbedderUnavailable(name=folder.name, reason=f"{path} is not a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """Character span of each token of the text, special tokens left out."""
    return list(tokenizer.encode(writable(text), add_special_tokens=False).offsets)
