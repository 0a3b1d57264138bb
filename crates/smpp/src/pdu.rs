//! The PDUs: SMPP 3.4 clause 4, as two tables that decoder, encoder and display all read.

use crate::{
    CommandId, DecodeError, EncodeError, HEADER_LENGTH, HIGHEST_SEQUENCE, Header, LONGEST_PDU, Octets, Oddity, Status,
    Tag, Tlvs,
    error::Problem,
    wire::{BodyReader, BodyWriter, Spec, Value},
};

/// A PDU without its length, which follows from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// How the request went; [`Status::OK`] in requests.
    pub status: Status,
    /// What ties a response to its request.
    pub sequence: u32,
    /// Which PDU it is, and its fields.
    pub body: Body,
    /// Its optional parameters.
    pub tlvs: Tlvs,
}

/// Where one message of a submit_multi goes (clause 4.5.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// dest_flag 1, an address.
    Address {
        /// Type of number.
        ton: u8,
        /// Numbering plan.
        npi: u8,
        /// destination_addr.
        address: Octets,
    },
    /// dest_flag 2, the name of a distribution list.
    List(Octets),
}

/// Where a submit_multi could not go (clause 4.5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unsuccessful {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan.
    pub npi: u8,
    /// destination_addr.
    pub address: Octets,
    /// Why.
    pub status: Status,
}

impl Pdu {
    /// A request without optional parameters.
    pub fn request(sequence: u32, body: Body) -> Self {
        Self {
            status: Status::OK,
            sequence,
            body,
            tlvs: Tlvs::NONE,
        }
    }

    /// Which PDU it is.
    pub fn command(&self) -> CommandId {
        self.body.command()
    }

    /// Reads a whole PDU, its header included: leniently, since a session is worth more than a field.
    ///
    /// # Errors
    /// Fields that are not there. The session can go on.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_noting(octets, &mut Vec::new())
    }

    /// As [`Pdu::decode`], and notes what the specification does not allow.
    ///
    /// # Errors
    /// As [`Pdu::decode`].
    pub fn decode_noting(octets: &[u8], oddities: &mut Vec<Oddity>) -> Result<Self, DecodeError> {
        let header = whole(octets)?;
        let mut reader = BodyReader::new(header, octets, oddities);
        let body = match header.command.is_response() && octets.len() == HEADER_LENGTH {
            true => Body::without_fields(header.command),
            false => Body::read(header.command, &mut reader)?,
        };
        let tlvs = reader.tlvs();
        let pdu = Self {
            status: header.status,
            sequence: header.sequence,
            body,
            tlvs,
        };
        pdu.note(oddities);
        Ok(pdu)
    }

    /// Appends the PDU to `out`, as strictly as the specification; where it fails `out` is as it was.
    ///
    /// # Errors
    /// Fields that the specification does not allow so.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Self::encode_parts(self.status, self.sequence, &self.body, &self.tlvs, out)
    }

    /// As [`Pdu::encode`], of parts that somebody else keeps.
    ///
    /// # Errors
    /// As [`Pdu::encode`].
    pub fn encode_parts(
        status: Status,
        sequence: u32,
        body: &Body,
        tlvs: &Tlvs,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let written = write(status, sequence, body, tlvs, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// The octets of the PDU alone.
    ///
    /// # Errors
    /// As [`Pdu::encode`].
    pub fn to_octets(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        self.encode(&mut out)?;
        Ok(out)
    }

    /// The message id that a response gives; nothing where it was left out.
    pub fn message_id(&self) -> Option<&Octets> {
        let id = match &self.body {
            Body::SubmitSmResp(body) | Body::DeliverSmResp(body) | Body::DataSmResp(body) => &body.message_id,
            Body::SubmitMultiResp(body) => &body.message_id,
            Body::QuerySmResp(body) => &body.message_id,
            _ => return None,
        };
        Some(id).filter(|id| !id.is_empty())
    }

    fn note(&self, oddities: &mut Vec<Oddity>) {
        // A generic_nack may have 0 where the PDU it answers could not be read (clause 4.3.1).
        let is_nack = self.command() == CommandId::GENERIC_NACK;
        let lowest = if is_nack { 0 } else { 1 };
        if !(lowest..=HIGHEST_SEQUENCE).contains(&self.sequence) {
            oddities.push(Oddity::Sequence(self.sequence));
        }
        if !self.command().is_response() && !self.status.is_ok() {
            oddities.push(Oddity::StatusInRequest(self.status));
        }
        if has_two_messages(&self.body, &self.tlvs) {
            oddities.push(Oddity::TwoMessages);
        }
    }
}

fn write(status: Status, sequence: u32, body: &Body, tlvs: &Tlvs, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if has_two_messages(body, tlvs) {
        return Err(EncodeError::TwoMessages);
    }
    let start = out.len();
    for field in [0, body.command().0, status.0, sequence] {
        out.extend(field.to_be_bytes());
    }
    let mut writer = BodyWriter::new(out);
    body.write(&mut writer)?;
    writer.tlvs(tlvs)?;
    let length = out.len() - start;
    let fits = u32::try_from(length).ok().filter(|_| length <= LONGEST_PDU);
    let length = fits.ok_or(EncodeError::PduLong(body.command()))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Whether a message stands in short_message and another in message_payload.
fn has_two_messages(body: &Body, tlvs: &Tlvs) -> bool {
    let short = match body {
        Body::SubmitSm(body) | Body::DeliverSm(body) => &body.short_message,
        Body::SubmitMulti(body) => &body.short_message,
        _ => return false,
    };
    !short.is_empty() && tlvs.has(Tag::MESSAGE_PAYLOAD)
}

/// The header, if the octets are as many as it says.
fn whole(octets: &[u8]) -> Result<Header, DecodeError> {
    let nothing = Header {
        length: 0,
        command: CommandId(0),
        status: Status::OK,
        sequence: 0,
    };
    let header = Header::decode(octets);
    match header.filter(|header| header.octets() == octets.len()) {
        Some(header) => Ok(header),
        None => Err(DecodeError {
            header: header.unwrap_or(nothing),
            field: "command_length",
            octet: 0,
            problem: Problem::Length,
        }),
    }
}

/// Makes a struct of each list of fields, with its reader, its writer and its display.
macro_rules! layouts {
    ($( $(#[$doc:meta])* $layout:ident { $( $(#[$about:meta])* $field:ident : $type:ty = $kind:ident($most:literal), )* } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $layout { $( $(#[$about])* pub $field: $type, )* }

        impl $layout {
            fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
                Ok(Self { $( $field: reader.$kind(Spec { name: stringify!($field), most: $most })?, )* })
            }

            fn write(&self, writer: &mut BodyWriter<'_>) -> Result<(), EncodeError> {
                $( writer.$kind(&self.$field, Spec { name: stringify!($field), most: $most })?; )*
                Ok(())
            }

            fn values(&self) -> Vec<(&'static str, Value<'_>)> {
                vec![$( (stringify!($field), Value::$kind(&self.$field)), )*]
            }
        }
    )* };
}

/// Makes the list of commands: the enum, the constants of [`CommandId`] and what leads from one to the other.
macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident $(($layout:ident))? = $constant:ident, $id:literal, $name:literal; )*) => {
        /// Which PDU it is, and its fields.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $( $(#[$doc])* $variant $(($layout))?, )*
            /// A response whose fields were left out, as is allowed where the status is not 0 (clause 4.4.2) and as some
            /// message centres do always.
            Omitted(CommandId),
            /// A number that SMPP 3.4 does not assign, with everything behind the header.
            Unknown(CommandId, Octets),
        }

        impl Body {
            /// Which PDU it is.
            pub fn command(&self) -> CommandId {
                match self {
                    $( Self::$variant $( ($layout { .. }) )? => CommandId($id), )*
                    Self::Omitted(command) | Self::Unknown(command, _) => *command,
                }
            }

            /// The fields with the names of the specification, in order.
            pub fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
                match self {
                    $( Self::$variant $( (body @ $layout { .. }) )? => no_fields!($( $layout::values(body) )?), )*
                    Self::Omitted(_) => Vec::new(),
                    Self::Unknown(_, body) => vec![("body", Value::Octets(body))],
                }
            }

            fn read(command: CommandId, reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
                Ok(match command.0 {
                    $( $id => Self::$variant $( ($layout::read(reader)?) )?, )*
                    _ => Self::Unknown(command, reader.unknown()),
                })
            }

            fn write(&self, writer: &mut BodyWriter<'_>) -> Result<(), EncodeError> {
                match self {
                    $( Self::$variant $( (body @ $layout { .. }) )? => { $( $layout::write(body, writer)?; )? Ok(()) } )*
                    Self::Omitted(_) => Ok(()),
                    Self::Unknown(_, body) => writer.octets(body),
                }
            }

            /// The body of a response that is a header alone.
            fn without_fields(command: CommandId) -> Self {
                match command.0 {
                    $( $id => bare!(command, $variant $(, $layout)?), )*
                    _ => Self::Unknown(command, Octets::EMPTY),
                }
            }
        }

        impl CommandId {
            $( #[doc = concat!($name, ".")] pub const $constant: Self = Self($id); )*
        }

        /// Numbers and names.
        pub(crate) const COMMANDS: &[(u32, &str)] = &[$( ($id, $name), )*];
    };
}

/// A variant of nothing, or what was left out of one with fields.
macro_rules! bare {
    ($command:ident, $variant:ident) => {
        Body::$variant
    };
    ($command:ident, $variant:ident, $layout:ident) => {
        Body::Omitted($command)
    };
}

/// The fields, or none.
macro_rules! no_fields {
    () => {
        Vec::new()
    };
    ($fields:expr) => {
        $fields
    };
}

layouts! {
    /// bind_receiver, bind_transmitter and bind_transceiver (clause 4.1).
    Bind {
        /// Who wants in.
        system_id: Octets = string(16),
        /// Its secret. Never to be logged.
        password: Octets = string(9),
        /// What kind of program it is; mostly empty.
        system_type: Octets = string(13),
        /// 0x34 for this version; lower ones know no optional parameters.
        interface_version: u8 = octet(1),
        /// Type of number of the addresses it serves.
        addr_ton: u8 = octet(1),
        /// Numbering plan of them.
        addr_npi: u8 = octet(1),
        /// A pattern of the addresses it serves.
        address_range: Octets = string(41),
    }

    /// The responses to the three binds.
    BindResp {
        /// Who answers.
        system_id: Octets = string(16),
    }

    /// outbind (clause 4.1.7): a message centre asks to be bound to.
    Outbind {
        /// Who asks.
        system_id: Octets = string(16),
        /// Its secret.
        password: Octets = string(9),
    }

    /// submit_sm and deliver_sm (clauses 4.4.1 and 4.6.1), which have the same fields.
    Sm {
        /// The service; empty for plain messages.
        service_type: Octets = string(6),
        /// Type of number of the sender.
        source_addr_ton: u8 = octet(1),
        /// Numbering plan of the sender.
        source_addr_npi: u8 = octet(1),
        /// The sender.
        source_addr: Octets = string(21),
        /// Type of number of the recipient.
        dest_addr_ton: u8 = octet(1),
        /// Numbering plan of the recipient.
        dest_addr_npi: u8 = octet(1),
        /// The recipient.
        destination_addr: Octets = string(21),
        /// Mode, type and features of the message (clause 5.2.12); see [`EsmClass`](crate::EsmClass).
        esm_class: u8 = octet(1),
        /// TP-PID.
        protocol_id: u8 = octet(1),
        /// 0 to 3.
        priority_flag: u8 = octet(1),
        /// When it is to be delivered; see [`Time`](crate::Time).
        schedule_delivery_time: Octets = time(17),
        /// Until when it is worth anything; see [`Time`](crate::Time).
        validity_period: Octets = time(17),
        /// Which receipts are wanted (clause 5.2.17); see [`RegisteredDelivery`](crate::RegisteredDelivery).
        registered_delivery: u8 = octet(1),
        /// 1 to replace a message that still waits.
        replace_if_present_flag: u8 = octet(1),
        /// What short_message holds (clause 5.2.19); see [`Coding`](crate::Coding).
        data_coding: u8 = octet(1),
        /// A text that the message centre keeps.
        sm_default_msg_id: u8 = octet(1),
        /// The message, behind its sm_length.
        short_message: Octets = message(254),
    }

    /// The responses to submit_sm, deliver_sm and data_sm.
    SmResp {
        /// The message centre's name for the message; empty in deliver_sm_resp.
        message_id: Octets = string(65),
    }

    /// submit_multi (clause 4.5.1).
    SubmitMulti {
        /// As in [`Sm`].
        service_type: Octets = string(6),
        /// As in [`Sm`].
        source_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        source_addr_npi: u8 = octet(1),
        /// As in [`Sm`].
        source_addr: Octets = string(21),
        /// Up to 254 recipients.
        dest_address: Vec<Destination> = destinations(254),
        /// As in [`Sm`].
        esm_class: u8 = octet(1),
        /// As in [`Sm`].
        protocol_id: u8 = octet(1),
        /// As in [`Sm`].
        priority_flag: u8 = octet(1),
        /// As in [`Sm`].
        schedule_delivery_time: Octets = time(17),
        /// As in [`Sm`].
        validity_period: Octets = time(17),
        /// As in [`Sm`].
        registered_delivery: u8 = octet(1),
        /// As in [`Sm`].
        replace_if_present_flag: u8 = octet(1),
        /// As in [`Sm`].
        data_coding: u8 = octet(1),
        /// As in [`Sm`].
        sm_default_msg_id: u8 = octet(1),
        /// As in [`Sm`].
        short_message: Octets = message(254),
    }

    /// submit_multi_resp (clause 4.5.2).
    SubmitMultiResp {
        /// The message centre's name for the message.
        message_id: Octets = string(65),
        /// Recipients that it was not taken for.
        unsuccess_sme: Vec<Unsuccessful> = unsuccessful(255),
    }

    /// data_sm (clause 4.7.1), whose message stands in message_payload.
    DataSm {
        /// As in [`Sm`].
        service_type: Octets = string(6),
        /// As in [`Sm`].
        source_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        source_addr_npi: u8 = octet(1),
        /// As in [`Sm`], and up to 64 octets.
        source_addr: Octets = string(65),
        /// As in [`Sm`].
        dest_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        dest_addr_npi: u8 = octet(1),
        /// As in [`Sm`], and up to 64 octets.
        destination_addr: Octets = string(65),
        /// As in [`Sm`].
        esm_class: u8 = octet(1),
        /// As in [`Sm`].
        registered_delivery: u8 = octet(1),
        /// As in [`Sm`].
        data_coding: u8 = octet(1),
    }

    /// query_sm (clause 4.8.1).
    QuerySm {
        /// Of which message.
        message_id: Octets = string(65),
        /// As in [`Sm`].
        source_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        source_addr_npi: u8 = octet(1),
        /// Its sender, as when it was submitted.
        source_addr: Octets = string(21),
    }

    /// query_sm_resp (clause 4.8.2).
    QuerySmResp {
        /// Of which message.
        message_id: Octets = string(65),
        /// When it reached its final state; empty before that.
        final_date: Octets = time(17),
        /// See [`MessageState`](crate::MessageState).
        message_state: u8 = octet(1),
        /// The network's error.
        error_code: u8 = octet(1),
    }

    /// cancel_sm (clause 4.9.1).
    CancelSm {
        /// As when it was submitted.
        service_type: Octets = string(6),
        /// Which message; empty for all that the rest fits.
        message_id: Octets = string(65),
        /// As in [`Sm`].
        source_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        source_addr_npi: u8 = octet(1),
        /// As in [`Sm`].
        source_addr: Octets = string(21),
        /// As in [`Sm`].
        dest_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        dest_addr_npi: u8 = octet(1),
        /// As in [`Sm`].
        destination_addr: Octets = string(21),
    }

    /// replace_sm (clause 4.10.1).
    ReplaceSm {
        /// Which message.
        message_id: Octets = string(65),
        /// As in [`Sm`].
        source_addr_ton: u8 = octet(1),
        /// As in [`Sm`].
        source_addr_npi: u8 = octet(1),
        /// As in [`Sm`].
        source_addr: Octets = string(21),
        /// As in [`Sm`].
        schedule_delivery_time: Octets = time(17),
        /// As in [`Sm`].
        validity_period: Octets = time(17),
        /// As in [`Sm`].
        registered_delivery: u8 = octet(1),
        /// As in [`Sm`].
        sm_default_msg_id: u8 = octet(1),
        /// The new message.
        short_message: Octets = message(254),
    }

    /// alert_notification (clause 4.12.1), which nobody answers.
    AlertNotification {
        /// Type of number of the phone.
        source_addr_ton: u8 = octet(1),
        /// Numbering plan of the phone.
        source_addr_npi: u8 = octet(1),
        /// The phone that can be reached again.
        source_addr: Octets = string(65),
        /// Type of number of the ESME.
        esme_addr_ton: u8 = octet(1),
        /// Numbering plan of the ESME.
        esme_addr_npi: u8 = octet(1),
        /// The ESME that asked to be told.
        esme_addr: Octets = string(65),
    }
}

commands! {
    /// What could not be understood at all (clause 4.3).
    GenericNack = GENERIC_NACK, 0x8000_0000, "generic_nack";
    /// Binds for receiving.
    BindReceiver(Bind) = BIND_RECEIVER, 0x0000_0001, "bind_receiver";
    /// Its answer.
    BindReceiverResp(BindResp) = BIND_RECEIVER_RESP, 0x8000_0001, "bind_receiver_resp";
    /// Binds for sending.
    BindTransmitter(Bind) = BIND_TRANSMITTER, 0x0000_0002, "bind_transmitter";
    /// Its answer.
    BindTransmitterResp(BindResp) = BIND_TRANSMITTER_RESP, 0x8000_0002, "bind_transmitter_resp";
    /// Asks how a message fares.
    QuerySm(QuerySm) = QUERY_SM, 0x0000_0003, "query_sm";
    /// Its answer.
    QuerySmResp(QuerySmResp) = QUERY_SM_RESP, 0x8000_0003, "query_sm_resp";
    /// Hands a message to the message centre.
    SubmitSm(Sm) = SUBMIT_SM, 0x0000_0004, "submit_sm";
    /// Its answer.
    SubmitSmResp(SmResp) = SUBMIT_SM_RESP, 0x8000_0004, "submit_sm_resp";
    /// Hands a message or a receipt to the application.
    DeliverSm(Sm) = DELIVER_SM, 0x0000_0005, "deliver_sm";
    /// Its answer.
    DeliverSmResp(SmResp) = DELIVER_SM_RESP, 0x8000_0005, "deliver_sm_resp";
    /// Ends the session.
    Unbind = UNBIND, 0x0000_0006, "unbind";
    /// Its answer.
    UnbindResp = UNBIND_RESP, 0x8000_0006, "unbind_resp";
    /// Replaces a message that waits.
    ReplaceSm(ReplaceSm) = REPLACE_SM, 0x0000_0007, "replace_sm";
    /// Its answer.
    ReplaceSmResp = REPLACE_SM_RESP, 0x8000_0007, "replace_sm_resp";
    /// Takes back a message that waits.
    CancelSm(CancelSm) = CANCEL_SM, 0x0000_0008, "cancel_sm";
    /// Its answer.
    CancelSmResp = CANCEL_SM_RESP, 0x8000_0008, "cancel_sm_resp";
    /// Binds for both.
    BindTransceiver(Bind) = BIND_TRANSCEIVER, 0x0000_0009, "bind_transceiver";
    /// Its answer.
    BindTransceiverResp(BindResp) = BIND_TRANSCEIVER_RESP, 0x8000_0009, "bind_transceiver_resp";
    /// A message centre asks to be bound to.
    Outbind(Outbind) = OUTBIND, 0x0000_000B, "outbind";
    /// Is somebody there?
    EnquireLink = ENQUIRE_LINK, 0x0000_0015, "enquire_link";
    /// Somebody is.
    EnquireLinkResp = ENQUIRE_LINK_RESP, 0x8000_0015, "enquire_link_resp";
    /// Hands over one message for many.
    SubmitMulti(SubmitMulti) = SUBMIT_MULTI, 0x0000_0021, "submit_multi";
    /// Its answer.
    SubmitMultiResp(SubmitMultiResp) = SUBMIT_MULTI_RESP, 0x8000_0021, "submit_multi_resp";
    /// A phone can be reached again.
    AlertNotification(AlertNotification) = ALERT_NOTIFICATION, 0x0000_0102, "alert_notification";
    /// Hands over a message, in either direction.
    DataSm(DataSm) = DATA_SM, 0x0000_0103, "data_sm";
    /// Its answer.
    DataSmResp(SmResp) = DATA_SM_RESP, 0x8000_0103, "data_sm_resp";
}
