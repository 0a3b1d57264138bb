//! Who says whether a login is right: whoever knows the tokens.

use std::fmt;
use std::net::IpAddr;

use futures_util::future::BoxFuture;
use message::TokenId;

use super::Account;

/// Knows the tokens. A login's user is a token's name, its password that token's secret half.
pub trait Doorman: fmt::Debug + Send + Sync + 'static {
    /// Checks a login.
    ///
    /// # Errors
    /// It is wrong, or cannot be checked now.
    fn login<'a>(
        &'a self,
        peer: IpAddr,
        user: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Account, LoginError>>;

    /// The rights of a token, while there is one of that name.
    fn account(&self, token: &TokenId) -> Option<Account>;

    /// Counts a message against what the token may send in a minute; `false` where it was that many already.
    fn count(&self, token: &TokenId) -> bool;
}

/// Why somebody is not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// User or password are wrong.
    Wrong,
    /// Too many wrong logins came from there, or too many are being checked: later again.
    Later,
}
