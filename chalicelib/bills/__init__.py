"""What does AWS itself say it cost, and how far is that from what we said?"""
