"""The control plane: what decides, records and drives; one folder per capability, roles by file name.

Importing AWS's SDK makes some hundred thousand objects that all stay. With Python's defaults the garbage collector looks
through them again and again, for a quarter of a cold start; a function this short-lived collects seldom instead.
"""

import gc

gc.set_threshold(1000000, 20, 50)
