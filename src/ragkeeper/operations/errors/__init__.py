"""What went wrong lately, by code: kept in the database, bounded, complete for the time it is kept."""
