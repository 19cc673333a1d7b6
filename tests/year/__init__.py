"""A year of a city in an hour: the real processes, a wall clock that a conductor sets, and a ledger of what is true.

Read `city` (who parks where), `life` (what happens), `ledger` (what is true of it), `machines` (the processes), `conductor`
(the days), `truth` (the comparison) and `page` (the page and its plots), in this order.
"""
