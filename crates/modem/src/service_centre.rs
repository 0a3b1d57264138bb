//! The service centre before a PDU (TS 27.005 3.1, TS 23.040 9.1.2.5).

/// The hex octets that stand before a TPDU: `00` leaves the SIM's own service centre in force.
pub(crate) fn prefix(number: Option<&str>) -> String {
    number.and_then(encode).unwrap_or_else(|| String::from("00"))
}

/// `+CSCA=` with this number.
pub(crate) fn command(number: &str) -> String {
    let kind = if number.starts_with('+') { 145 } else { 129 };
    format!("AT+CSCA=\"{number}\",{kind}")
}

fn encode(number: &str) -> Option<String> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let fits = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return None;
    }
    let kind = if number.starts_with('+') { "91" } else { "81" };
    let mut text = format!("{:02X}{kind}", digits.len().div_ceil(2) + 1);
    for pair in digits.as_bytes().chunks(2) {
        text.push(char::from(*pair.get(1).unwrap_or(&b'F')));
        text.push(char::from(pair[0]));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_override_the_sims_own_centre_serves() {
        assert_eq!(prefix(None), "00");
    }

    #[test]
    fn an_override_stands_before_the_pdu() {
        assert_eq!(prefix(Some("+27831000015")), "07917238010010F5");
        assert_eq!(prefix(Some("1234")), "03812143");
    }
}
