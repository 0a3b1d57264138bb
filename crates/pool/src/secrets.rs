//! The PINs and passwords in a command, to be kept out of what is written down of its answer.

use zeroize::Zeroizing;

use crate::trace::SECRETS;

/// What must not be shown of what a modem says after a command. A modem echoes, and an echo may be broken: by the end of a
/// line, by something that came unasked, by lost octets in front.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// Those of the command in these octets; none where it is no command that holds any.
    pub(crate) fn of(written: &[u8]) -> Self {
        let upper = Zeroizing::new(written.to_ascii_uppercase());
        let argument = SECRETS.iter().find_map(|name| {
            let at = upper.windows(name.len()).position(|found| found == name.as_bytes())?;
            written.get(at + name.len()..)
        });
        let words = argument
            .unwrap_or_default()
            .split(|octet| !octet.is_ascii_alphanumeric());
        // What is shorter is the name of a lock, a mode or a length.
        let long = words.filter(|word| word.len() >= SHORTEST);
        Self(long.map(|word| Zeroizing::new(word.to_vec())).collect())
    }

    /// The octets with each of them hidden.
    pub(crate) fn hidden_in(&self, octets: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut shown = Zeroizing::new(octets.to_vec());
        for secret in &self.0 {
            while let Some(at) = shown.windows(secret.len()).position(|found| found == secret.as_slice()) {
                shown[at..at + secret.len()].fill(b'*');
            }
        }
        shown
    }
}

/// A PIN has four digits at least (TS 51.011 9.3).
const SHORTEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_secret_command_are_hidden_wherever_they_come_back() {
        let secrets = Secrets::of(b"at+clck=\"SC\",0,\"4711\"\r");
        let shown = secrets.hidden_in(b"+CLCK=\"SC\",0,\"4711\" and 47114711\r\n");
        assert_eq!(&shown[..], b"+CLCK=\"SC\",0,\"****\" and ********\r\n");
        let none = Secrets::of(b"AT+CMGR=4711\r");
        assert_eq!(&none.hidden_in(b"+CMGR: 4711\r\n")[..], b"+CMGR: 4711\r\n");
    }
}
