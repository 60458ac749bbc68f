"""The player model: in which skill tier do this player's next matches fall?"""
