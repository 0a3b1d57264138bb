//! Optional parameters: SMPP 3.4 clauses 3.2.4 and 5.3.

use std::fmt;

use crate::Octets;

/// The tag of an optional parameter. Numbers that nobody assigned and those of vendors stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

/// An optional parameter as it came: the value is read only when somebody asks, so a wrong length harms nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tlv {
    /// What it is.
    pub tag: Tag,
    /// Its octets.
    pub value: Octets,
}

/// The optional parameters of a PDU in their order, the same tag perhaps several times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tlvs {
    list: Vec<Tlv>,
    cut: bool,
}

impl Tlvs {
    /// No parameters.
    pub const NONE: Self = Self {
        list: Vec::new(),
        cut: false,
    };

    /// The value of the first parameter of this tag.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.iter().find(|tlv| tlv.tag == tag).map(|tlv| &*tlv.value)
    }

    /// The value as a number of one to four octets, most significant first. Peers write one octet where the specification
    /// says two and the other way round, so any of these lengths is read.
    pub fn number(&self, tag: Tag) -> Option<u32> {
        let value = self.get(tag)?;
        let fits = (1..=4).contains(&value.len());
        fits.then(|| value.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
    }

    /// The value as a C-octet string, without its NUL and whatever stands behind that. Peers leave the NUL out.
    pub fn string(&self, tag: Tag) -> Option<&[u8]> {
        let value = self.get(tag)?;
        value.split(|octet| *octet == 0).next()
    }

    /// Whether there is a parameter of this tag.
    pub fn has(&self, tag: Tag) -> bool {
        self.get(tag).is_some()
    }

    /// Appends a parameter.
    pub fn push(&mut self, tag: Tag, value: impl Into<Octets>) {
        self.list.push(Tlv {
            tag,
            value: value.into(),
        });
    }

    /// Appends a number of one octet.
    pub fn push_octet(&mut self, tag: Tag, value: u8) {
        self.push(tag, &[value][..]);
    }

    /// Appends a number of two octets.
    pub fn push_short(&mut self, tag: Tag, value: u16) {
        self.push(tag, &value.to_be_bytes()[..]);
    }

    /// Appends a C-octet string; its NUL is added.
    pub fn push_string(&mut self, tag: Tag, value: &[u8]) {
        self.push(tag, [value, &[0]].concat());
    }

    /// Takes away every parameter of this tag.
    pub fn remove(&mut self, tag: Tag) {
        self.list.retain(|tlv| tlv.tag != tag);
    }

    /// Whether the PDU ended within a parameter, which is not here then: it may have been the message
    /// ([`Tag::MESSAGE_PAYLOAD`]). Nothing of this is written.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Notes that the PDU ended within a parameter.
    pub(crate) fn cut_off(&mut self) {
        self.cut = true;
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Tlv> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl FromIterator<Tlv> for Tlvs {
    fn from_iter<I: IntoIterator<Item = Tlv>>(tlvs: I) -> Self {
        Self {
            list: tlvs.into_iter().collect(),
            cut: false,
        }
    }
}

impl Tag {
    /// The name in the specification; vendors' and unassigned numbers have none.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// The tag that the specification calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| Self(row.0))
    }

    /// Whether the number is one that vendors may use (clause 5.3.1).
    pub fn is_vendors(self) -> bool {
        (0x1400..=0x3FFF).contains(&self.0)
    }

    /// The shortest and longest value that the specification allows, in octets; any for a tag that it does not know.
    pub fn lengths(self) -> (usize, usize) {
        self.row().map_or((0, usize::MAX), |row| (row.2, row.3))
    }

    /// Whether the value is text, a NUL at its end.
    pub fn is_string(self) -> bool {
        STRINGS.contains(&self)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.0 == self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04X}", self.0),
        }
    }
}

impl Tag {
    /// dest_addr_subunit: 1 shows the message at once.
    pub const DEST_ADDR_SUBUNIT: Self = Self(0x0005);
    /// source_network_type.
    pub const SOURCE_NETWORK_TYPE: Self = Self(0x000E);
    /// qos_time_to_live, in seconds: the validity of data_sm.
    pub const QOS_TIME_TO_LIVE: Self = Self(0x0017);
    /// payload_type.
    pub const PAYLOAD_TYPE: Self = Self(0x0019);
    /// additional_status_info_text.
    pub const ADDITIONAL_STATUS_INFO_TEXT: Self = Self(0x001D);
    /// receipted_message_id.
    pub const RECEIPTED_MESSAGE_ID: Self = Self(0x001E);
    /// privacy_indicator.
    pub const PRIVACY_INDICATOR: Self = Self(0x0201);
    /// user_message_reference.
    pub const USER_MESSAGE_REFERENCE: Self = Self(0x0204);
    /// source_port.
    pub const SOURCE_PORT: Self = Self(0x020A);
    /// destination_port.
    pub const DESTINATION_PORT: Self = Self(0x020B);
    /// sar_msg_ref_num.
    pub const SAR_MSG_REF_NUM: Self = Self(0x020C);
    /// language_indicator.
    pub const LANGUAGE_INDICATOR: Self = Self(0x020D);
    /// sar_total_segments.
    pub const SAR_TOTAL_SEGMENTS: Self = Self(0x020E);
    /// sar_segment_seqnum.
    pub const SAR_SEGMENT_SEQNUM: Self = Self(0x020F);
    /// sc_interface_version.
    pub const SC_INTERFACE_VERSION: Self = Self(0x0210);
    /// number_of_messages.
    pub const NUMBER_OF_MESSAGES: Self = Self(0x0304);
    /// callback_num.
    pub const CALLBACK_NUM: Self = Self(0x0381);
    /// network_error_code: type of network and two octets.
    pub const NETWORK_ERROR_CODE: Self = Self(0x0423);
    /// message_payload: the message where it is too long for short_message.
    pub const MESSAGE_PAYLOAD: Self = Self(0x0424);
    /// delivery_failure_reason.
    pub const DELIVERY_FAILURE_REASON: Self = Self(0x0425);
    /// more_messages_to_send.
    pub const MORE_MESSAGES_TO_SEND: Self = Self(0x0426);
    /// message_state.
    pub const MESSAGE_STATE: Self = Self(0x0427);
    /// ussd_service_op.
    pub const USSD_SERVICE_OP: Self = Self(0x0501);
    /// its_session_info.
    pub const ITS_SESSION_INFO: Self = Self(0x1383);
}

/// Number, name, shortest and longest value.
struct Row(u16, &'static str, usize, usize);

/// Values that are C-octet strings.
const STRINGS: [Tag; 2] = [Tag::ADDITIONAL_STATUS_INFO_TEXT, Tag::RECEIPTED_MESSAGE_ID];

/// Table 5-7 with the lengths of clauses 5.3.2.1 to 5.3.2.44.
const TABLE: [Row; 44] = [
    Row(0x0005, "dest_addr_subunit", 1, 1),
    Row(0x0006, "dest_network_type", 1, 1),
    Row(0x0007, "dest_bearer_type", 1, 1),
    Row(0x0008, "dest_telematics_id", 2, 2),
    Row(0x000D, "source_addr_subunit", 1, 1),
    Row(0x000E, "source_network_type", 1, 1),
    Row(0x000F, "source_bearer_type", 1, 1),
    Row(0x0010, "source_telematics_id", 1, 1),
    Row(0x0017, "qos_time_to_live", 4, 4),
    Row(0x0019, "payload_type", 1, 1),
    Row(0x001D, "additional_status_info_text", 1, 256),
    Row(0x001E, "receipted_message_id", 1, 65),
    Row(0x0030, "ms_msg_wait_facilities", 1, 1),
    Row(0x0201, "privacy_indicator", 1, 1),
    Row(0x0202, "source_subaddress", 2, 23),
    Row(0x0203, "dest_subaddress", 2, 23),
    Row(0x0204, "user_message_reference", 2, 2),
    Row(0x0205, "user_response_code", 1, 1),
    Row(0x020A, "source_port", 2, 2),
    Row(0x020B, "destination_port", 2, 2),
    Row(0x020C, "sar_msg_ref_num", 2, 2),
    Row(0x020D, "language_indicator", 1, 1),
    Row(0x020E, "sar_total_segments", 1, 1),
    Row(0x020F, "sar_segment_seqnum", 1, 1),
    Row(0x0210, "sc_interface_version", 1, 1),
    Row(0x0302, "callback_num_pres_ind", 1, 1),
    Row(0x0303, "callback_num_atag", 0, 65),
    Row(0x0304, "number_of_messages", 1, 1),
    Row(0x0381, "callback_num", 4, 19),
    Row(0x0420, "dpf_result", 1, 1),
    Row(0x0421, "set_dpf", 1, 1),
    Row(0x0422, "ms_availability_status", 1, 1),
    Row(0x0423, "network_error_code", 3, 3),
    Row(0x0424, "message_payload", 0, 65_535),
    Row(0x0425, "delivery_failure_reason", 1, 1),
    Row(0x0426, "more_messages_to_send", 1, 1),
    Row(0x0427, "message_state", 1, 1),
    Row(0x0501, "ussd_service_op", 1, 1),
    Row(0x1201, "display_time", 1, 1),
    Row(0x1203, "sms_signal", 2, 2),
    Row(0x1204, "ms_validity", 1, 1),
    Row(0x130C, "alert_on_message_delivery", 0, 0),
    Row(0x1380, "its_reply_type", 1, 1),
    Row(0x1383, "its_session_info", 2, 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_tag() {
        for row in &TABLE {
            assert_eq!(Tag::from_name(row.1), Some(Tag(row.0)));
            assert!(row.2 <= row.3, "{}", row.1);
        }
        assert!(TABLE.is_sorted_by_key(|row| row.0));
        assert_eq!(Tag(0x1400).to_string(), "0x1400");
    }

    #[test]
    fn a_value_of_a_wrong_length_is_read_where_it_can_be() {
        let mut tlvs = Tlvs::default();
        tlvs.push(Tag::USER_MESSAGE_REFERENCE, &[7][..]);
        tlvs.push(Tag::MESSAGE_STATE, &[][..]);
        tlvs.push(Tag::RECEIPTED_MESSAGE_ID, "6aad5");
        assert_eq!(tlvs.number(Tag::USER_MESSAGE_REFERENCE), Some(7));
        assert_eq!(tlvs.number(Tag::MESSAGE_STATE), None);
        assert_eq!(tlvs.string(Tag::RECEIPTED_MESSAGE_ID), Some(&b"6aad5"[..]));
        assert_eq!(tlvs.string(Tag::PRIVACY_INDICATOR), None);
    }
}
