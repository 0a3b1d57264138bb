//! Messages for the tests.

use jiff::Timestamp;
use message::{Inbound, Number};

/// A text as it comes from the network.
pub(super) fn sms(text: &str) -> Inbound {
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    Inbound {
        to: Some(Number::received("+491711234567")),
        service_centre_time: Some(time("2026-04-03T15:31:24+02")),
        ..Inbound::of_text("sim1", "+989126211770", text, time("2026-04-03T15:31:25+02"))
    }
}
