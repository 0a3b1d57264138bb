//! What is done with each PDU that comes.

use super::{BindMode, Event, Overflow, Owed, Rebind, Role, Session, State, Timer, Why, event, rules};
use crate::{Bind, Body, CommandId, DecodeError, Header, Pdu, Reaction, Status, Tag, Tlvs};

impl Session {
    /// Takes a PDU.
    pub(super) fn hear(&mut self, pdu: Pdu) {
        let Pdu {
            status,
            sequence,
            body,
            tlvs,
        } = pdu;
        match body {
            Body::BindReceiver(bind) => self.bind_asked(BindMode::Receiver, bind, sequence),
            Body::BindTransmitter(bind) => self.bind_asked(BindMode::Transmitter, bind, sequence),
            Body::BindTransceiver(bind) => self.bind_asked(BindMode::Transceiver, bind, sequence),
            Body::Outbind(outbind) if self.role == Role::Esme && self.state == State::Open => {
                self.events.push_back(Event::Outbind(outbind));
            }
            Body::Outbind(_) => self.nack(Status::WRONG_BIND_STATE, sequence),
            Body::EnquireLink => self.write(Status::OK, sequence, &Body::EnquireLinkResp, &Tlvs::NONE),
            Body::EnquireLinkResp => {}
            Body::Unbind => self.unbind_asked(sequence),
            Body::AlertNotification(alert) => self.events.push_back(Event::Alert(alert)),
            Body::Unknown(command, _) if !command.is_response() => self.nack(Status::INVALID_COMMAND, sequence),
            body if body.command().is_response() => self.answered(status, sequence, body, tlvs),
            body => self.asked(sequence, body, tlvs),
        }
    }

    /// A PDU whose fields could not be read: it is answered, and the session goes on.
    pub(super) fn hear_malformed(&mut self, error: DecodeError) {
        let Header {
            command,
            sequence,
            status,
            ..
        } = error.header;
        if command.is_response() {
            // What it answers must not wait for ever because the answer is unreadable.
            self.answered(status, sequence, Body::Omitted(command), Tlvs::NONE);
        } else if command != CommandId::OUTBIND && command != CommandId::ALERT_NOTIFICATION {
            self.write(error.status(), sequence, &event::bare(command), &Tlvs::NONE);
        }
        self.events.push_back(Event::Malformed(error));
    }

    /// A length that no PDU has: the peer is told, and the connection is of no more use.
    pub(super) fn out_of_step(&mut self, header: Header) {
        self.nack(Status::INVALID_COMMAND_LENGTH, header.sequence);
        self.close(Why::OutOfStep(header));
    }

    fn nack(&mut self, status: Status, sequence: u32) {
        self.write(status, sequence, &Body::GenericNack, &Tlvs::NONE);
    }

    fn bind_asked(&mut self, mode: BindMode, bind: Bind, sequence: u32) {
        let owed = Owed {
            command: mode.command(),
            sequence,
            version: bind.interface_version,
        };
        let refused = match (self.role, self.state) {
            (Role::Esme, _) => Some(Status::INVALID_COMMAND),
            (Role::Smsc, State::Open) => None,
            (Role::Smsc, State::Bound(_)) if self.config.rebind == Rebind::Ask => None,
            (Role::Smsc, State::Bound(_) | State::Draining(_)) => Some(Status::ALREADY_BOUND),
            (Role::Smsc, _) => Some(Status::WRONG_BIND_STATE),
        };
        if let Some(status) = refused {
            return self.write(status, sequence, &event::bare(owed.command), &Tlvs::NONE);
        }
        if self.state == State::Open {
            self.state = State::Binding(mode);
        }
        self.events.push_back(Event::BindRequested { owed, mode, bind });
    }

    fn unbind_asked(&mut self, sequence: u32) {
        match self.state {
            State::Bound(_) | State::Draining(_) => self.state = State::Leaving(sequence),
            // Both unbind at once: each answers the other, and ours is still to be answered.
            State::Unbinding => self.write(Status::OK, sequence, &Body::UnbindResp, &Tlvs::NONE),
            _ => self.write(Status::WRONG_BIND_STATE, sequence, &Body::UnbindResp, &Tlvs::NONE),
        }
    }

    /// A request that carries a message or asks about one.
    fn asked(&mut self, sequence: u32, body: Body, tlvs: Tlvs) {
        let command = body.command();
        let refused = match self.state {
            // It crossed our unbind. A status that says "later" keeps the peer from giving the message up.
            State::Unbinding | State::Leaving(_) => Some(later(command)),
            _ => rules::may_send(command, self.role.peer(), self.bound()).err(),
        };
        let full = || self.owed >= self.config.window_in && self.config.overflow == Overflow::Throttle;
        let refused = refused.or_else(|| full().then_some(Status::THROTTLED));
        if let Some(status) = refused {
            return self.write(status, sequence, &event::bare(command), &Tlvs::NONE);
        }
        self.owed += 1;
        self.timers.start(Timer::Inactivity, self.now);
        let owed = Owed {
            command,
            sequence,
            version: self.version,
        };
        self.events.push_back(Event::Request { owed, body, tlvs });
    }

    /// An answer, of whatever kind.
    fn answered(&mut self, status: Status, sequence: u32, body: Body, tlvs: Tlvs) {
        if self.control == Some(sequence) {
            return self.control_answered(status, sequence, body, &tlvs);
        }
        let command = body.command();
        let stray = Event::Stray(Header {
            length: 0,
            command,
            status,
            sequence,
        });
        let Some((pending, late)) = self.take_pending(sequence) else {
            return self.events.push_back(stray);
        };
        if command != pending.command.response() && command != CommandId::GENERIC_NACK {
            self.put_back(pending, late);
            return self.events.push_back(stray);
        }
        match status.reaction() {
            Reaction::SlowDown => self.pause(),
            Reaction::Taken => self.throttled = 0,
            Reaction::Later | Reaction::Never => {}
        }
        self.timers.start(Timer::Inactivity, self.now);
        let after = self.now.saturating_duration_since(pending.sent);
        let ticket = pending.ticket;
        self.events.push_back(Event::Answered {
            ticket,
            status,
            body,
            tlvs,
            after,
            late,
        });
    }

    /// The answer to our bind or unbind.
    fn control_answered(&mut self, status: Status, sequence: u32, body: Body, tlvs: &Tlvs) {
        match (self.state, body) {
            (State::Unbinding, _) => self.close(Why::Unbound),
            (State::Binding(mode), body) if status.is_ok() && body.command() == mode.command().response() => {
                let system_id = match body {
                    Body::BindReceiverResp(resp)
                    | Body::BindTransmitterResp(resp)
                    | Body::BindTransceiverResp(resp) => resp.system_id,
                    _ => crate::Octets::EMPTY,
                };
                let version = tlvs
                    .number(Tag::SC_INTERFACE_VERSION)
                    .and_then(|version| u8::try_from(version).ok());
                self.version = version.unwrap_or(super::NEW_ENOUGH);
                self.become_bound(mode);
                self.events.push_back(Event::Bound {
                    mode,
                    system_id,
                    version,
                });
            }
            (State::Binding(_), _) if !status.is_ok() => self.close(Why::Refused(status)),
            (_, body) => {
                let command = body.command();
                self.events.push_back(Event::Stray(Header {
                    length: 0,
                    command,
                    status,
                    sequence,
                }));
            }
        }
    }
}

/// What says "try once more" about this request.
fn later(command: CommandId) -> Status {
    match command {
        CommandId::DELIVER_SM => Status::TEMPORARY_APPLICATION_ERROR,
        _ => Status::SYSTEM_ERROR,
    }
}
