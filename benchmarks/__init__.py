"""`make bench`: how fast the gateway drains a backlog, beside a loop that only receives and a loop written by hand.

The tables say what is theirs: `drain` measures a backlog, `latency` a steady stream, `disk` what one commit costs here.
docs/performance.md says what is measured and what is not.
"""
