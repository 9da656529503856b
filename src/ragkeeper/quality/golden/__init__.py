"""Golden questions: whether searches of the documents themselves still find what they should, run after run."""
