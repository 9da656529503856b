"""Places that documents come from and are kept in step with: folders, web pages, buckets, repositories."""
