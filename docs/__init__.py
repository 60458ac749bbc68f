"""What is written about the platform, and what takes its pictures."""
