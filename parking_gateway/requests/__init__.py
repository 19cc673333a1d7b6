"""Requests of people and programs: verbs, answered over MQTT and on the command line by the same code.

`desk` has the values, `verbs` the register of verbs, `answering` the way from a name and parameters to an answer. Every other
module holds the verbs of one noun. A new verb is a new function in one of them, or in a new module: nothing else lists it.
"""
