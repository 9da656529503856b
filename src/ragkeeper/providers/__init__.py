"""Models that are called: chat, embedding, reranking."""
