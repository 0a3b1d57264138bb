#!/usr/bin/env python3
"""A stand-in for the first alert server, to measure beside: it does what that was observed to do, and nothing else.

    alert_server_stand_in.py SMTP_PORT

JSON objects, one a line, over TCP; a thread for each connection and one for each mail; plain SMTP without a queue and
without a second try; nothing is answered and nothing is kept. It prints its port."""
import base64
import json
import mimetypes
import smtplib
import socket
import sys
import tempfile
import threading
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

smtp_port = int(sys.argv[1])
folder = Path(tempfile.mkdtemp())


def mail(event):
    name = event.get("event", "UNKNOWN")
    camera = event.get("camera", "camera")
    timestamp = event.get("timestamp") or datetime.utcnow().isoformat()
    message = EmailMessage()
    message["Subject"] = f"DVR ALERT: {name} - {camera}"
    message["From"] = "noreply@example.com"
    message["To"] = "ops@example.org"
    lines = [f"Event: {name}", f"Camera: {camera}", f"Timestamp: {timestamp}"]
    picture = None
    if event.get("image_b64"):
        picture = folder / Path(event.get("image_filename") or f"{camera}.jpg").name
        picture.write_bytes(base64.b64decode(event["image_b64"]))
        lines.append(f"Image attached: {picture.name}")
    message.set_content("\n".join(lines))
    if picture:
        kind = mimetypes.guess_type(picture.name)[0] or "application/octet-stream"
        major, minor = kind.split("/", 1)
        message.add_attachment(picture.read_bytes(), maintype=major, subtype=minor, filename=picture.name)
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as server:
        server.send_message(message)


def serve(connection):
    with connection, connection.makefile("r", encoding="utf-8") as lines:
        for line in lines:
            line = line.strip()
            if not line:
                continue
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue
            threading.Thread(target=mail, args=(event,), daemon=True).start()


threading.excepthook = lambda _: None  # It loses a mail that the server does not take at once.
with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
