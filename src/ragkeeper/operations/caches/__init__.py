"""What operators see of caches, and how they empty them."""
