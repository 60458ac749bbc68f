"""Rocket League: its skills, games from ballchasing.com and from replay files, and how they become observations."""
