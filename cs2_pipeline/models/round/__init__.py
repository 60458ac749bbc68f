"""The round model: who wins this round from here?"""
