"""Counter-Strike: its skills, the price of a moment in a round, and how matches become observations."""
