"""May they have it, and what does an hour of it cost?"""
