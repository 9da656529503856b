"""How good searches are, by questions whose answers the operator knows."""

from ragkeeper.core.instruments import Gauge, Metric

HIT_RATE = Gauge(
    "rag_search_hit_rate",
    "Share of the golden questions for which a right document is among the first ten, by the newest run.",
    looked_up=True,
)
NDCG = Gauge(
    "rag_search_ndcg",
    "How near the top the right documents are (nDCG@10, mean of the golden questions), by the newest run.",
    looked_up=True,
)
QUESTIONS = Gauge("rag_golden_questions", "Golden questions of the newest run; NaN without any.", looked_up=True)
ASKED = Gauge(
    "rag_golden_run_timestamp_seconds", "When they were last asked, since 1970.", unit="seconds", looked_up=True
)

TABLE: tuple[Metric, ...] = (HIT_RATE, NDCG, QUESTIONS, ASKED)
