"""The only MQTT. `link` is what the tasks see of a connection; `client` is where we reach into aiomqtt and paho."""
