//! Who may bring mail without a login.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use message::TokenId;
use serde::{Deserialize, Deserializer, de};

/// Senders that need no login (`[[smtp.senders]]`). What is given must all fit.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listed {
    /// The envelope's senders: addresses, or `@` and a domain. Empty: any.
    pub from: Vec<String>,
    /// Where they come from. Empty: anywhere, which is refused for addresses with a token.
    pub networks: Vec<Network>,
    /// The token whose rights and limits they have. Absent: they may not send messages.
    pub token: Option<String>,
    /// Whether these are mail servers, which pass on what others wrote.
    pub relay: bool,
}

/// Addresses with the same first bits, as `192.168.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Listed {
    /// Whether this sender is meant.
    pub fn fits(&self, address: Option<&str>, peer: IpAddr) -> bool {
        let from = self.from.is_empty()
            || self
                .from
                .iter()
                .any(|listed| is_meant(listed, address.unwrap_or_default()));
        let network = self.networks.is_empty() || self.networks.iter().any(|network| network.holds(peer));
        from && network
    }

    /// The token's name.
    pub fn token(&self) -> Option<TokenId> {
        self.token.as_deref().map(TokenId::new)
    }
}

/// Whether an entry of the list means this address: local parts and domains alike, whatever their case.
fn is_meant(listed: &str, address: &str) -> bool {
    if !listed.starts_with('@') {
        return listed.eq_ignore_ascii_case(address);
    }
    let domain = address.rfind('@').map(|at| &address[at..]);
    domain.is_some_and(|domain| domain.eq_ignore_ascii_case(listed))
}

impl Network {
    /// Whether an address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let same = |base: u128, address: u128, width: u32| {
            let rest = width - u32::from(self.bits);
            base.checked_shr(rest).unwrap_or(0) == address.checked_shr(rest).unwrap_or(0)
        };
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => same(base.to_bits().into(), address.to_bits().into(), 32),
            (IpAddr::V6(base), IpAddr::V6(address)) => same(base.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "no network; write an address, or a network as 192.168.0.0/16";
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| wrong)?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong))?;
        if bits > width {
            return Err(wrong);
        }
        Ok(Self { base, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.holds(address.parse().unwrap())
        };
        assert!(holds("192.168.0.0/16", "192.168.7.1") && !holds("192.168.0.0/16", "192.169.0.1"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("0.0.0.0/0", "255.1.2.3") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::/0", "2001:db8::1") && holds("2001:db8::/32", "2001:db8:1::"));
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"), "IPv4 in IPv6 is IPv4");
        for wrong in ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn address_and_network_must_both_fit() {
        let listed = Listed {
            from: vec!["cam1@example.org".into(), "@cameras.example.org".into()],
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Listed::default()
        };
        let inside = IpAddr::from([10, 1, 1, 1]);
        assert!(listed.fits(Some("CAM1@Example.org"), inside));
        assert!(listed.fits(Some("any@cameras.example.org"), inside));
        assert!(!listed.fits(Some("any@x.cameras.example.org"), inside));
        assert!(!listed.fits(Some("cam2@example.org"), inside));
        assert!(!listed.fits(None, inside));
        assert!(!listed.fits(Some("cam1@example.org"), IpAddr::from([192, 168, 1, 1])));
    }
}
