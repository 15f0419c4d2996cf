"""How does a folder of notebooks get into a bucket, whole, once, and with nothing in it that should stay at home?"""
