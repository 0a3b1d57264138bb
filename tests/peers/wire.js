// What both sides have in common: the npm package smpp (NODE_PATH says where it lies), lines of JSON out and in.
'use strict';
const readline = require('readline');
const smpp = require('smpp');

// Octets are to be seen as they are, not as the package reads them.
smpp.filters.message.decode = octets => octets;

const hex = octets => (Buffer.isBuffer(octets) ? octets.toString('hex') : Buffer.from(octets || '', 'latin1').toString('hex'));

// A line of standard output.
exports.tell = what => process.stdout.write(JSON.stringify(what) + '\n');

// Each line of standard input is an object with one command: its name and what it is about. The end of input is `end`.
exports.listen = commands => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', line => {
    if (!line.trim()) return;
    for (const [name, about] of Object.entries(JSON.parse(line))) {
      if (!commands[name]) throw new Error('there is no command ' + name);
      commands[name](about);
    }
  });
  lines.on('close', () => commands.end());
};

// Words of the command line, as key=value, over these defaults.
exports.options = (words, defaults) => {
  const options = { ...defaults };
  for (const word of words) {
    const at = word.indexOf('=');
    const key = word.slice(0, at);
    if (at < 0 || !(key in options)) throw new Error('there is no option ' + word);
    options[key] = word.slice(at + 1);
  }
  return options;
};

// A submit_sm or deliver_sm in plain words.
exports.message = pdu => ({
  from: pdu.source_addr,
  from_ton: pdu.source_addr_ton,
  to: pdu.destination_addr,
  to_ton: pdu.dest_addr_ton,
  esm_class: pdu.esm_class,
  data_coding: pdu.data_coding,
  protocol_id: pdu.protocol_id,
  registered_delivery: pdu.registered_delivery,
  octets: hex(pdu.short_message && pdu.short_message.length ? pdu.short_message : pdu.message_payload),
  receipted: pdu.receipted_message_id || '',
  state: pdu.message_state,
});

// Fields for a submit_sm or deliver_sm from plain words.
exports.fields = about => {
  const octets = Buffer.from(about.octets || '', 'hex');
  const fields = {
    source_addr: about.from || '',
    source_addr_ton: about.from_ton || 0,
    destination_addr: about.to || '',
    dest_addr_ton: about.to_ton === undefined ? 1 : about.to_ton,
    dest_addr_npi: 1,
    esm_class: about.esm_class || 0,
    data_coding: about.data_coding || 0,
    registered_delivery: about.receipt || 0,
    short_message: about.payload ? Buffer.alloc(0) : octets,
    ...about.more,
  };
  if (about.payload) fields.message_payload = octets;
  return fields;
};
