#!/usr/bin/env python3
"""A stand-in for the client of the first alert server: it writes the same octets, and knows as little.

    first_client.py HOST PORT EVENT CAMERA [IMAGE]

A connection, one JSON object, a line feed, the end; no answer is read."""
import base64
import json
import os
import socket
import sys
from datetime import datetime

host, port, event, camera, *image = sys.argv[1:]
payload = {"event": event, "camera": camera, "timestamp": datetime.utcnow().isoformat() + "Z"}
if image:
    payload["image_filename"] = os.path.basename(image[0])
    with open(image[0], "rb") as file:
        payload["image_b64"] = base64.b64encode(file.read()).decode("ascii")
with socket.create_connection((host, int(port)), timeout=10) as connection:
    connection.sendall((json.dumps(payload) + "\n").encode("utf-8"))
