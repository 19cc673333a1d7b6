"""`make bench`: how fast the gateway drains a backlog, beside a loop that only receives and a loop written by hand.

`drain` measures a backlog, `latency` a steady stream, and `machine` what one commit costs. docs/explanation/performance.md describes what
is measured.
"""
