//! Who may bring mail without a login.

use std::net::IpAddr;

use message::{Network, TokenId};
use serde::Deserialize;

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

#[cfg(test)]
mod tests {
    use super::*;

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
