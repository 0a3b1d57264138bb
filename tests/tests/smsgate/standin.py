"""Stands in for SMSgate's client, Icinga check and Munin plugin: the same calls in the same order with the answers used in
the same way, so that whatever those would stumble over shows here. Options as those take them; what to do is the first
argument: send-sms, send-ussd, stats, check, munin."""

import argparse
import os
import ssl
import sys
import time
import xmlrpc.client

LEVELS = ["OK", "WARNING", "CRITICAL"]


def server(host, port, certificate):
    context = ssl.create_default_context(cafile=certificate)
    return xmlrpc.client.ServerProxy(f"https://{host}:{port}", context=context)


def client(wish, options, token):
    gateway = server(options.host, options.port, options.ca)
    if wish == "send-sms":
        sms = gateway.send_sms(token, options.sender, options.to, options.text, options.flash)
        while gateway.get_delivery_status(token, sms) is False:
            time.sleep(0.05)
        print("+ SMS was delivered.")
    elif wish == "send-ussd":
        _, answer = gateway.send_ussd(token, options.sender, options.code)
        print(f"+ USSD response: {answer}")
    else:
        _, stats = gateway.get_stats(token)
        for modem, told in stats.items():
            texts = "port phone_number current_network currency last_sent last_received last_init".split()
            texts += ["health_state_short", "health_state_message", "status"]
            row = [f"{told[name]:12}" for name in texts]
            row += [f"{told[name]:>4}" for name in ["current_signal", "sent", "received", "init_counter", "balance"]]
            print(f"{modem:4}", *row)


def check(options, token):
    try:
        level, words = server(options.host, options.port, options.ca).get_health_state(token)
    except ConnectionRefusedError:
        level, words = "CRITICAL", f"Connection to {options.host}:{options.port} refused."
    print(level + " " + words)
    sys.exit(LEVELS.index(level) if level in LEVELS else 3)


def munin(wish):
    said = os.environ.get
    gateway = server(said("smsgate_host", "localhost"), said("smsgate_port", "7000"), said("smsgate_cafile"))
    status, stats = gateway.get_stats(said("smsgate_api_token"))
    assert status == "OK"
    for graph, field in [("sent", "sent"), ("recv", "received"), ("balance", "balance")]:
        for modem, told in stats.items():
            print(f"multigraph smsgate_{graph}_{modem}")
            if wish == "config":
                print(f"{graph}_{modem}.type " + ("GAUGE" if graph == "balance" else "DERIVE"))
                print(f"{graph}_{modem}.label {told['currency']}")
            else:
                print(f"{graph}_{modem}.value {told[field]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wish")
    parser.add_argument("munin_wish", nargs="?")
    for name in ["host", "ca", "api-token", "sender", "to", "text", "code"]:
        parser.add_argument(f"--{name}")
    parser.add_argument("--port", type=int)
    parser.add_argument("--flash", action="store_true")
    options = parser.parse_args()
    token = os.environ.get("SMSGATE_APITOKEN", options.api_token)
    if options.wish == "munin":
        munin(options.munin_wish)
    elif options.wish == "check":
        check(options, token)
    else:
        client(options.wish, options, token)


main()
