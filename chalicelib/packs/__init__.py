"""Which environment does a lab get?"""
