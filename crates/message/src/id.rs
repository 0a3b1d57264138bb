//! Names of things: messages, events, routes, tokens.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of a message, outgoing or received: a UUID of version 7, so ids sort by the time they were given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(Uuid);

/// The id of an event and so of its deliveries: a UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

/// The id of an alert: a UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(Uuid);

/// A text is no id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoId;

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no id; ids look like 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10")
    }
}

impl std::error::Error for NoId {}

macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// A fresh id, later than every id this process gave out before.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            /// The sixteen octets, as the store keeps them.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these sixteen octets.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| NoId)
            }
        }
    };
}

uuid_id!(MessageId);
uuid_id!(EventId);
uuid_id!(AlertId);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name with this text.
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// The name of a route: a slot (which holds a SIM) or an upstream. It is the name the configuration gives, so it
    /// outlives ports, modems and restarts.
    RouteId
}

text_id! {
    /// The public half of a token (`id` in `id.secret`): who asked.
    TokenId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_told_how_ids_look() {
        let told = "x".parse::<MessageId>().unwrap_err().to_string();
        let example = told.rsplit(' ').next().unwrap_or_default();
        assert_eq!(
            example.parse::<MessageId>().map(|id| id.to_string()),
            Ok(example.to_owned())
        );
    }
}
