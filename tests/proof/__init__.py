"""The proof: faults under a running gateway, and the counts of what was acknowledged, lost and doubled.

`make proof` runs every trial in its long form and writes the table of docs/explanation/reliability.md. The suite runs the short form.
"""
