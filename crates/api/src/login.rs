//! Logins of other protocols: the same tokens, checked by the same keeper, with the same limits.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use gateway::Origin;
use rustls::ServerConfig;
use zeroize::Zeroizing;

use crate::codes::Code;
use crate::keeper::Principal;
use crate::server::Handle;
use crate::tls::TlsError;
use crate::token::Scope;

/// The rights of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What the gateway is told about it.
    pub origin: Origin,
    /// Whether it may send messages.
    pub may_send: bool,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// The token is wrong, unknown or was revoked.
    Wrong,
    /// Too many wrong ones came from that address, or too many are being checked: later again.
    Later,
}

impl Handle {
    /// Checks a token shown as a user's name, its public half, and a password: its secret half, or the whole of it. The
    /// cost is bounded as it is for calls, and wrong ones lock their address out of both.
    ///
    /// # Errors
    /// It is wrong, or cannot be checked now.
    pub async fn login(&self, peer: IpAddr, user: &str, password: &str) -> Result<Rights, LoginError> {
        let secret = password
            .strip_prefix(user)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(password);
        let token = Zeroizing::new(format!("{user}.{secret}"));
        match self.keeper().admit_token(peer, &token).await {
            Ok(principal) => Ok(rights(&principal)),
            Err(refusal) if refusal.code == Code::TOKEN_WRONG => Err(LoginError::Wrong),
            Err(_) => Err(LoginError::Later),
        }
    }

    /// The rights of the token with this public half, while there is one.
    pub fn rights(&self, id: &str) -> Option<Rights> {
        self.keeper().known(id).as_deref().map(rights)
    }

    /// Counts a call against the token's calls a minute; `false` where it made that many already, or is gone.
    pub fn count_call(&self, id: &str) -> bool {
        self.keeper()
            .known(id)
            .is_some_and(|principal| principal.count_call().is_ok())
    }

    /// TLS with the certificate of the API, for other protocols: a renewed one is taken up there as well.
    ///
    /// # Errors
    /// The settings cannot be made.
    pub fn tls(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.certificate().other_config()
    }

    /// The same, but clients are asked for a certificate of their own; they may have any, or none.
    ///
    /// # Errors
    /// The settings cannot be made.
    pub fn tls_asking(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.certificate().asking_config()
    }

    /// The same, only for clients whose certificate one of the authorities in this PEM file signed. A change of that file
    /// needs a restart.
    ///
    /// # Errors
    /// The file holds none, or cannot be read.
    pub fn tls_for(&self, authorities: &Path) -> Result<Arc<ServerConfig>, TlsError> {
        self.certificate().known_config(authorities)
    }
}

fn rights(principal: &Principal) -> Rights {
    Rights {
        origin: principal.origin.clone(),
        may_send: principal.may(Scope::Send),
    }
}
