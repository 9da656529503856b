"""The search index, written and read: outbox, reconciler, fusion, transforms; every hit is confirmed by the truth."""
