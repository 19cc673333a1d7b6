"""The only MQTT.

Read `link` first, which is all that the tasks see of a connection, then `connection` and its two implementations, `fast` and
`plain`. `choosing` picks one. `private` holds every private name of aiomqtt and paho.
"""
