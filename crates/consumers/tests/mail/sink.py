"""A mail server for the tests, on aiosmtpd.

    sink.py FOLDER MODE PORT [CERTIFICATE KEY]

MODE is plain, pipelining (plain, and commands may come in a group, RFC 2920), starttls or tls; the last two want a
login (gw, secret). Each mail it takes becomes FOLDER/N.json, read
with Python's own mail parser. FOLDER/refuse, where it is there, says whom it refuses: a line each of a word and a
reply, as "full@ 452 4.2.2 mailbox full"; the word DATA stands for every content, PICTURES for every
content with something attached.
"""
import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, mode, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def refusal(of):
    try:
        lines = open(os.path.join(folder, "refuse")).read().splitlines()
    except FileNotFoundError:
        return None
    return next((line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] in of), None)


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"gw", b"secret")
    return AuthResult(success=right, handled=right)


def read(content):
    mail = email.message_from_bytes(content, policy=email.policy.default)
    parts = [part for part in mail.walk() if not part.is_multipart()]
    return {
        "headers": [[name, str(value)] for name, value in mail.items()],
        "text": parts[0].get_content(),
        "attached": [content.hex() for part in parts[1:] if isinstance(content := part.get_content(), bytes)],
        "defects": [str(defect) for part in mail.walk() for defect in part.defects],
    }


class Handler:
    async def handle_EHLO(self, server, session, envelope, name, replies):
        session.host_name = name
        # The last one is the end of the reply.
        return (replies[:-1] + ["250-PIPELINING"] + replies[-1:]) if mode == "pipelining" else replies

    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = refusal(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        pictures = b"Content-Disposition: attachment" in envelope.content
        refused = refusal("DATA") or (pictures and refusal("PICTURES"))
        if refused:
            return refused
        told = read(envelope.content) | {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "peer": session.peer[1],
            "tls": session.ssl is not None,
            "login": bool(session.authenticated),
        }
        number = len([name for name in os.listdir(folder) if name.endswith(".json")])
        with open(os.path.join(folder, "new"), "w") as file:
            json.dump(told, file)
        os.rename(os.path.join(folder, "new"), os.path.join(folder, f"{number}.json"))
        return "250 2.0.0 queued"


def protocol():
    login = {"authenticator": authenticate, "auth_required": mode in ("starttls", "tls")}
    if mode == "starttls":
        return SMTP(Handler(), tls_context=context, require_starttls=True, **login)
    # Within implicit TLS the server does not know that it is encrypted.
    return SMTP(Handler(), auth_require_tls=False, **login)


async def main():
    wrapped = context if mode == "tls" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


context = None
if mode in ("starttls", "tls"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
asyncio.run(main())
