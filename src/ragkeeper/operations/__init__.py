"""Running the server; knows no product feature."""
