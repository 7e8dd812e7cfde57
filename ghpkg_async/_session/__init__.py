"""The session layer: one request, one response. Only ``transport`` touches the network."""
