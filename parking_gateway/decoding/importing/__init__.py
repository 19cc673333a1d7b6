"""Codecs of others' repositories: a checkout is read, its examples are run, and a codec is installed with its proof.

In the order to read: `published` (what a checkout contains), `layouts` (which of three it is), `proving` (runs the examples),
`guessing` (which output is which field), `preparing` (all of that for one codec), `installing` (writes it).
"""
