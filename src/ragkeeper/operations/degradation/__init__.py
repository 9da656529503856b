"""What the server still does when something is missing, or when somebody says so: declared steps, full to read-only."""
