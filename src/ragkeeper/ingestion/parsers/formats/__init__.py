"""One file per family of formats: bytes in, parsed document out. Runs in the child process only."""
