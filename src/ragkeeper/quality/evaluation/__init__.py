"""Figures about retrieval and answers on sets of judged questions, measured through HTTP as a user would see them."""
