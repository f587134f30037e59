"""Scores: functions from named artifacts to one float per row; low means doubtful. One file a method."""
