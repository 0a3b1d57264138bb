//! Messages for the tests.

use jiff::Timestamp;
use message::{Inbound, InboundKind, MessageId, Number, RouteId};

/// A text as it comes from the network.
pub(super) fn sms(text: &str) -> Inbound {
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    Inbound {
        id: MessageId::fresh(),
        cursor: 1,
        sim: RouteId::new("sim1"),
        from: Number::received("+989126211770"),
        to: Some(Number::received("+491711234567")),
        text: text.to_owned(),
        kind: InboundKind::Text,
        class: None,
        data_hex: None,
        service_centre_time: Some(time("2026-04-03T15:31:24+02")),
        received_at: time("2026-04-03T15:31:25+02"),
        parts: 1,
        missing: 0,
    }
}
