"""Significance from what is stored: which question is asked, and what each test answers."""
