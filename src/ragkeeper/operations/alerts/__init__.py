"""Which figures call for a person: one table of rules, written as PromQL and evaluated here."""
