// A message centre on the npm package smpp, as difficult as it is told to be.
//
//   smsc.js PORT [key=value ...]
//
// Options, which the command `set` changes while it runs:
//   password=      what a bind must give; empty: anything
//   ids=hex        how submit_sm_resp writes the message id: hex, HEX, dec, or pad (ten digits)
//   receipt_ids=   the same for receipts; empty: as in the response
//   receipts=after none, before or after the response, or a number of milliseconds behind it
//   state=DELIVRD  what the final receipt says; enroute=1 tells ENROUTE before it
//   form=both      the receipt has a text, parameters (tlv), or both
//   throttle=0     how many of the next submissions are answered ESME_RTHROTTLED
//   status=0       with what all submissions are answered
//   silent=0       how many of the next submissions are not answered at all
//   mute=0         1: nothing is answered any more, enquire_link neither
//   cert= key=     TLS
// Standard input, a JSON object a line: {"deliver": {from, to, octets, data_coding, esm_class, payload, more}}, {"receipt":
// {id, from, to, state}}, {"set": {key: value}}, {"drop": true} cuts all connections, {"unbind": true} unbinds them.
// It ends when standard input does.
// Standard output, an object a line: listening, bound, refused, submitted (with the number it was given), answered (a
// deliver_sm: its status), enquired, unbound, lost.
'use strict';
const fs = require('fs');
const smpp = require('smpp');
const { tell, listen, options: read, message, fields } = require('./wire.js');

const options = read(process.argv.slice(3), {
  password: '', ids: 'hex', receipt_ids: '', receipts: 'after', state: 'DELIVRD', enroute: 0, form: 'both',
  throttle: 0, status: 0, silent: 0, mute: 0, cert: '', key: '',
});
const sessions = new Set();
let count = 0;
let turn = 0;

const STATES = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 };
const FORMS = {
  hex: number => number.toString(16),
  HEX: number => number.toString(16).toUpperCase(),
  dec: number => String(number),
  pad: number => String(number).padStart(10, '0'),
};
const MODES = { bind_transceiver: 'transceiver', bind_transmitter: 'transmitter', bind_receiver: 'receiver' };

function date() {
  const two = number => String(number).padStart(2, '0');
  const now = new Date();
  return two(now.getUTCFullYear() % 100) + two(now.getUTCMonth() + 1) + two(now.getUTCDate()) + two(now.getUTCHours()) + two(now.getUTCMinutes());
}

// To any session that takes deliveries, in turn.
function deliver(pdu) {
  const takers = [...sessions].filter(session => session.mode && session.mode !== 'transmitter');
  if (!takers.length) return tell({ undeliverable: true });
  takers[turn++ % takers.length].deliver_sm(pdu, answer => tell({ answered: answer.command_status }));
}

function receipt({ id, from, to, state, text }) {
  const dlvrd = state === 'DELIVRD' ? '001' : '000';
  const words = `id:${id} sub:001 dlvrd:${dlvrd} submit date:${date()} done date:${date()} stat:${state} err:${state === 'DELIVRD' ? '000' : '011'} text:${text || ''}`;
  const pdu = fields({ from, to, esm_class: state === 'ENROUTE' ? 0x20 : 4 });
  if (options.form !== 'tlv') pdu.short_message = Buffer.from(words, 'latin1');
  if (options.form !== 'text') Object.assign(pdu, { receipted_message_id: id, message_state: STATES[state] });
  deliver(pdu);
}

function counted(name) {
  const left = Number(options[name]);
  if (left > 0) options[name] = left - 1;
  return left > 0;
}

function submitted(session, pdu) {
  if (counted('throttle')) return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  if (Number(options.status)) return session.send(pdu.response({ command_status: Number(options.status) }));
  const number = 0xabc000 + ++count;
  const id = FORMS[options.ids](number);
  tell({ submitted: { id, ...message(pdu) } });
  if (counted('silent')) return;
  const told = FORMS[options.receipt_ids || options.ids](number);
  const wanted = pdu.registered_delivery & 3;
  const tellAll = () => {
    const about = { id: told, from: pdu.destination_addr, to: pdu.source_addr };
    if (Number(options.enroute)) receipt({ ...about, state: 'ENROUTE' });
    receipt({ ...about, state: options.state });
  };
  if (wanted && options.receipts === 'before') tellAll();
  session.send(pdu.response({ message_id: id }));
  if (wanted && options.receipts === 'after') tellAll();
  if (wanted && Number(options.receipts) > 0) setTimeout(tellAll, Number(options.receipts));
}

function bound(session, pdu) {
  if (options.password && pdu.password !== options.password) {
    tell({ refused: pdu.system_id });
    return session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
  }
  session.mode = MODES[pdu.command];
  tell({ bound: session.mode, system_id: pdu.system_id, system_type: pdu.system_type, version: pdu.interface_version });
  session.send(pdu.response({ system_id: 'npm' }));
}

function serve(session) {
  sessions.add(session);
  session.on('close', () => sessions.delete(session) && tell({ lost: session.mode || true }));
  session.on('error', error => tell({ error: error.message }));
  const heard = (name, act) => session.on(name, pdu => Number(options.mute) || act(pdu));
  Object.keys(MODES).forEach(name => heard(name, pdu => bound(session, pdu)));
  heard('submit_sm', pdu => submitted(session, pdu));
  heard('enquire_link', pdu => {
    tell({ enquired: true });
    session.send(pdu.response());
  });
  heard('unbind', pdu => {
    tell({ unbound: session.mode });
    session.send(pdu.response());
    session.close();
  });
}

const tls = options.cert ? { cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) } : {};
const server = smpp.createServer(tls, serve);
server.listen(Number(process.argv[2]), '127.0.0.1', () => tell({ listening: server.address().port }));
listen({
  deliver: about => deliver(fields(about)),
  receipt,
  set: about => Object.assign(options, about),
  drop: () => sessions.forEach(session => session.destroy()),
  unbind: () => sessions.forEach(session => session.unbind(() => session.close())),
  end: () => process.exit(0),
});
