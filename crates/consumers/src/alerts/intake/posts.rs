//! What is posted, and what it means: a path for each kind of sender.

use message::RawAlert;

use super::hikvision::Notice;
use super::object::Object;
use super::{icinga, prometheus};

/// Who posts to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Anybody, with the object of the first alert server.
    Anybody,
    Alertmanager,
    Grafana,
    Hikvision,
    Icinga,
}

/// What a post says.
#[derive(Debug)]
pub(super) enum Post {
    /// Alerts; there may be none.
    Alerts(Vec<RawAlert>),
    /// One with the token that it has to show.
    Object(Object),
    /// What a device sees, which depends on what it said before.
    Notice(Notice),
}

impl Sender {
    /// Whose path that is; a slash at its end does not matter.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path.trim_end_matches('/') {
            "/alert" => Self::Anybody,
            "/alertmanager" => Self::Alertmanager,
            "/grafana" => Self::Grafana,
            "/hikvision" => Self::Hikvision,
            "/icinga" => Self::Icinga,
            _ => return None,
        })
    }

    /// Its path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Anybody => "/alert",
            Self::Alertmanager => "/alertmanager",
            Self::Grafana => "/grafana",
            Self::Hikvision => "/hikvision",
            Self::Icinga => "/icinga",
        }
    }

    /// Reads the body of a post.
    ///
    /// # Errors
    /// Why it is none of this sender's, in words for it.
    pub(super) fn read(self, content_type: &str, body: &[u8]) -> Result<Post, String> {
        Ok(match self {
            Self::Anybody => Post::Object(Object::read(body).map_err(|error| error.to_string())?),
            Self::Alertmanager => Post::Alerts(prometheus::read("alertmanager", body)?),
            Self::Grafana => Post::Alerts(prometheus::read("grafana", body)?),
            Self::Icinga => Post::Alerts(Vec::from_iter(icinga::read(content_type, body)?)),
            Self::Hikvision => Post::Notice(Notice::read(content_type, body).map_err(|error| error.to_string())?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::PATHS;
    use super::*;

    #[test]
    fn every_path_has_its_sender() {
        for path in PATHS {
            let sender = Sender::of(path).expect("a sender");
            assert_eq!(sender.path(), path);
            assert_eq!(Sender::of(&format!("{path}/")), Some(sender));
            assert!(sender.read("", b"\xff").is_err());
        }
        for path in ["", "/", "/x", "/alert/x", "alert"] {
            assert_eq!(Sender::of(path), None, "{path}");
        }
    }
}
