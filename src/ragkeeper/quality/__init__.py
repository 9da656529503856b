"""The loop that makes answers better: reports, corrections, verification, learned answers."""
