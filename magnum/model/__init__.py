"""What the service talks about: typed, frozen values and the tables that rule them.

Nothing here does I/O, reads a clock or knows SQL or HTTP; nothing here imports another package of ours.
Every other package may import this one.
"""
