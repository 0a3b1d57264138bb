"""Python's own XML-RPC client, driven line by line: a JSON list [method, parameter, ...] comes in for each call, and
{"value": ...} or {"fault": [code, text]} goes out. Arguments: port, file of the certificate."""

import json
import ssl
import sys
import xmlrpc.client


def plain(value):
    """Times as JSON can tell them."""
    if isinstance(value, xmlrpc.client.DateTime):
        return {"time": value.value}
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


port, certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
server = xmlrpc.client.ServerProxy(f"https://localhost:{port}", context=context, allow_none=True)
for line in sys.stdin:
    method, *parameters = json.loads(line)
    try:
        told = {"value": plain(getattr(server, method)(*parameters))}
    except xmlrpc.client.Fault as fault:
        told = {"fault": [fault.faultCode, fault.faultString]}
    print(json.dumps(told), flush=True)
