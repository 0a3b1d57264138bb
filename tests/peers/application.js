// An application on the npm package smpp.
//
//   application.js HOST PORT SYSTEM_ID PASSWORD MODE [key=value ...]
//
// MODE is transceiver, transmitter or receiver. Options: window=10 submissions wait for their answers at a time; ca=FILE speaks
// TLS; answers=0 is the status with which deliveries are answered, none: they are not.
// Standard input, a JSON object a line: {"submit": {from, to, octets, data_coding, esm_class, receipt, payload, count, more}}: with
// a count so many, each to the next number,
// {"query": ID}, {"cut": true} drops the connection, {"set": {answers}}. When it ends the application unbinds.
// Standard output, an object a line: bound, refused, submitted (the id), status (of a refused submission), delivered, state (of a
// query), unbound, lost.
'use strict';
const fs = require('fs');
const smpp = require('smpp');
const { tell, listen, options: read, message, fields } = require('./wire.js');

const [host, port, system_id, password, mode] = process.argv.slice(2);
const options = read(process.argv.slice(7), { window: 10, ca: '', answers: 0 });
const waiting = [];
let open = 0;
let over = false;

const where = { host, port: Number(port), tls: Boolean(options.ca) };
if (options.ca) where.ca = fs.readFileSync(options.ca);
const session = smpp.connect(where, () => {
  session['bind_' + mode]({ system_id, password, interface_version: 0x34 }, answer => {
    tell(answer.command_status ? { refused: answer.command_status } : { bound: mode });
  });
});

function next() {
  while (open < Number(options.window) && waiting.length) {
    open++;
    session.submit_sm(waiting.shift(), answer => {
      open--;
      tell(answer.command_status ? { status: answer.command_status } : { submitted: answer.message_id });
      next();
    });
  }
  if (over && !open && !waiting.length) {
    session.unbind(() => {
      tell({ unbound: true });
      session.close();
    });
  }
}

session.on('deliver_sm', pdu => {
  tell({ delivered: message(pdu) });
  if (options.answers !== 'none') session.send(pdu.response({ command_status: Number(options.answers) }));
});
session.on('enquire_link', pdu => session.send(pdu.response()));
session.on('unbind', pdu => {
  tell({ unbound: false });
  session.send(pdu.response());
  session.close();
});
session.on('error', error => tell({ error: error.message }));
session.on('close', () => {
  tell({ lost: true });
  process.exit(0);
});
listen({
  submit: about => {
    for (let at = 0; at < (about.count || 1); at++) waiting.push(fields(about.count ? { ...about, to: String(Number(about.to) + at) } : about));
    next();
  },
  query: message_id => session.query_sm({ message_id }, answer => tell({ state: answer.message_state || -answer.command_status })),
  set: about => Object.assign(options, about),
  cut: () => session.destroy(),
  end: () => {
    over = true;
    next();
  },
});
