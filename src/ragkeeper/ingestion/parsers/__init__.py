"""Files to readable text with pages, headings and tables, read in limited child processes."""
