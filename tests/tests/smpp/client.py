"""An application, on smpplib: binds, submits what it is told, and writes down what it hears.

    client.py HOST PORT SYSTEM_ID PASSWORD MODE [SOURCE DESTINATION TEXT ...]

MODE is transceiver, transmitter or receiver. Each line of standard output is a JSON object: bound, refused, submitted (the
message's id), delivered (a message or a receipt). It ends when standard input does, and unbinds.
"""
import json
import select
import sys
import threading

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

host, port, system_id, password, mode = sys.argv[1:6]
wishes = sys.argv[6:]


def tell(**what):
    print(json.dumps(what), flush=True)


def delivered(pdu):
    text = pdu.short_message or pdu.message_payload or b""
    tell(
        delivered={
            "from": (pdu.source_addr or b"").decode("latin-1"),
            "to": (pdu.destination_addr or b"").decode("latin-1"),
            "esm_class": pdu.esm_class,
            "data_coding": pdu.data_coding,
            "octets": text.hex(),
            "receipted": (pdu.receipted_message_id or b"").decode("latin-1").rstrip("\0"),
            "state": pdu.message_state,
        }
    )
    return 0


client = smpplib.client.Client(host, int(port), allow_unknown_opt_params=True, timeout=2)
client.set_message_received_handler(delivered)
client.set_message_sent_handler(lambda pdu: pdu.is_error() or tell(submitted=(pdu.message_id or b"").decode()))
client.set_error_pdu_handler(lambda pdu: tell(status=pdu.status))
client.connect()
try:
    getattr(client, "bind_" + mode)(system_id=system_id, password=password)
except smpplib.exceptions.PDUError as error:
    tell(refused=error.args[1])
    sys.exit(1)
tell(bound=mode)
for source, destination, text in zip(wishes[0::3], wishes[1::3], wishes[2::3]):
    parts, coding, form = smpplib.gsm.make_parts(text)
    for part in parts:
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr_npi=smpplib.consts.SMPP_NPI_UNK,
            source_addr=source,
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=destination.lstrip("+"),
            short_message=part,
            data_coding=coding,
            esm_class=form,
            registered_delivery=True,
        )
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    try:
        if select.select([client._socket], [], [], 0.2)[0]:
            client.read_once()
    except (smpplib.exceptions.ConnectionError, OSError):
        tell(lost=True)
        sys.exit(2)
client.unbind()
client.disconnect()
