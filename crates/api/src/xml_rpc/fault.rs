//! Faults: which of SMSgate's codes each refusal is told with.

use crate::codes::{Code, Refusal};

use super::wire::{self, WireError};

/// What a call ends with that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    code: i32,
    sentence: String,
}

impl Fault {
    pub(super) fn new(code: i32, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { code, sentence }
    }

    /// The body is no call.
    pub(super) fn unreadable(error: &WireError) -> Self {
        Self::new(FAILED, format!("the call cannot be read: {error}"))
    }

    /// A refusal by the doorkeeper, the API or the gateway.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let among = |codes: &[&Code]| codes.contains(&refusal.code);
        if among(&[Code::TOKEN_MISSING, Code::TOKEN_WRONG]) {
            return Self::wrong_token();
        }
        let code = match () {
            () if among(UNWELCOME) => UNAUTHORISED,
            () if among(MISTAKEN) => INVALID,
            () => FAILED,
        };
        Self::new(code, refusal.sentence.as_ref())
    }

    pub(super) fn wrong_token() -> Self {
        Self::new(UNAUTHORISED, "Invalid API token.")
    }

    pub(super) fn encode(&self) -> String {
        tracing::debug!(code = self.code, "XML-RPC fault: {}", self.sentence);
        wire::fault(self.code, &self.sentence)
    }
}

/// A parameter cannot be used.
pub(super) const INVALID: i32 = 400;
/// The token is none for this.
pub(super) const UNAUTHORISED: i32 = 401;
/// The method is switched off.
pub(super) const SWITCHED_OFF: i32 = 405;
/// There is no such method.
pub(super) const NO_METHOD: i32 = 8001;
/// Anything else; the sentence says what.
pub(super) const FAILED: i32 = 8002;

const UNWELCOME: &[&Code] = &[Code::SCOPE, Code::LOCKED_OUT];
const MISTAKEN: &[&Code] = &[
    Code::INVALID,
    Code::NUMBER,
    Code::TEXT,
    Code::NOT_FOUND,
    Code::NOT_ALLOWED,
    Code::NO_ROUTE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_code_that_smsgate_s_clients_know() {
        for (code, expected) in [
            (Code::TOKEN_WRONG, 401),
            (Code::LOCKED_OUT, 401),
            (Code::SCOPE, 401),
            (Code::NUMBER, 400),
            (Code::NOT_ALLOWED, 400),
            (Code::NO_ROUTE, 400),
            (Code::QUEUE_FULL, 8002),
            (Code::UNAVAILABLE, 8002),
            (Code::BODY_TOO_LARGE, 8002),
            (Code::INTERNAL, 8002),
        ] {
            assert_eq!(Fault::of(&Refusal::new(code, "why")).code, expected, "{}", code.word);
        }
        let wrong = Fault::of(&Refusal::new(
            Code::TOKEN_WRONG,
            "the token is wrong, unknown or was revoked",
        ));
        assert_eq!(wrong, Fault::new(401, "Invalid API token."));
        let full = Fault::of(&Refusal::new(Code::QUEUE_FULL, "too many messages wait already"));
        assert_eq!(full.sentence, "too many messages wait already");
    }
}
