//! The one table of methods: it registers them, checks who may call them, and writes the OpenRPC document.

mod alerts;
mod attendance;
mod balance;
mod look;
mod noting;
mod operator;
mod sms;
mod subscribe;
mod trace;
mod ussd;

use std::sync::Arc;

use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::{MethodCallback, MethodResponse, Methods, ResponsePayload};
use jsonrpsee::types::error::OVERSIZED_RESPONSE_CODE;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codes::{Code, Refusal};
use crate::params::{self, Field};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(crate) use look::visible;
pub use look::{Health, SlotCounts, Stats, UpstreamCounts};
pub(crate) use subscribe::{NOTICE, SUBSCRIBE};

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) need: Need,
    pub(crate) place: Place,
    pub(crate) fields: &'static [Field],
    /// The schema of the result: a name in `openrpc::schemas`.
    pub(crate) result: &'static str,
    /// The errors of its own, besides those any call can end with.
    pub(crate) errors: &'static [&'static Code],
    /// Parameters that show how it is called.
    pub(crate) example: &'static str,
    register: fn(&mut Methods, &Arc<App>, &'static Method) -> Result<(), RegisterMethodError>,
}

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Not even a token.
    Nothing,
    /// A token, whatever its scopes.
    Token,
    /// A token with this scope, or with `admin`.
    Scope(Scope),
}

/// Where a call stands while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the calls being worked.
    Shared,
    /// Where its method puts it.
    Own,
    /// On its WebSocket.
    Socket,
}

impl Method {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The parameters by name, for people.
    pub(crate) fn names(&self) -> String {
        match self.fields {
            [] => "none".into(),
            fields => fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The table, in the order of the documentation.
pub(crate) fn table() -> impl Iterator<Item = &'static Method> {
    let rooms = [
        sms::METHODS,
        subscribe::METHODS,
        ussd::METHODS,
        balance::METHODS,
        look::METHODS,
        attendance::METHODS,
        alerts::METHODS,
        operator::METHODS,
        trace::METHODS,
    ];
    rooms.into_iter().flatten()
}

/// The method with this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Method> {
    table().find(|method| method.name == name)
}

/// All methods, ready to be called.
pub(crate) fn register(app: &Arc<App>) -> Result<Methods, RegisterMethodError> {
    let mut methods = Methods::new();
    for method in table() {
        (method.register)(&mut methods, app, method)?;
    }
    Ok(methods)
}

/// Registers an ordinary method: parameters in, result or refusal out.
fn plain<P, R, F, Fut>(
    methods: &mut Methods,
    app: &Arc<App>,
    method: &'static Method,
    run: F,
) -> Result<(), RegisterMethodError>
where
    P: DeserializeOwned + Send + 'static,
    R: Serialize + Clone + Send + 'static,
    F: Fn(Arc<App>, Arc<Caller>, P) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    let app = app.clone();
    let callback = MethodCallback::Async(Arc::new(move |id, params, _, _, extensions| {
        let app = app.clone();
        Box::pin(async move {
            let Some(caller) = extensions.get::<Arc<Caller>>().cloned() else {
                return MethodResponse::error(id, nobody().object());
            };
            let room = app.limits.response_bytes as usize;
            let outcome = match params::read(method, params.as_str()) {
                Ok(read) => match noting::note(&app, &caller, method, params.as_str()).await {
                    Ok(()) => run(app, caller.clone(), read).await,
                    Err(refusal) => Err(refusal),
                },
                Err(refusal) => Err(refusal),
            };
            let result = match outcome {
                Ok(result) => result,
                Err(refusal) => return caller.refuse(&refusal),
            };
            let answer = MethodResponse::response(id, ResponsePayload::success(result), room);
            if answer.as_error_code() == Some(OVERSIZED_RESPONSE_CODE) {
                let sentence = "the answer is too large; ask for less";
                return caller.refuse(&Refusal::new(Code::RESPONSE_TOO_LARGE, sentence));
            }
            answer
        })
    }));
    methods.verify_and_insert(method.name, callback)?;
    Ok(())
}

/// What cannot happen: every door puts a caller beside the call.
pub(crate) fn nobody() -> Refusal {
    Refusal::new(Code::INTERNAL, "the gateway failed; its log says more")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn no_name_is_given_twice_and_every_example_holds_known_fields() {
        let names: BTreeSet<_> = table().map(|method| method.name).collect();
        assert_eq!(names.len(), table().count());
        for method in table() {
            let example: serde_json::Map<String, Value> = serde_json::from_str(method.example).expect("an object");
            let known = |name: &String| method.field(name).is_some();
            assert!(example.keys().all(known), "{}", method.name);
            let required = method.fields.iter().filter(|field| field.required);
            assert!(
                required.into_iter().all(|field| example.contains_key(field.name)),
                "{}",
                method.name
            );
        }
    }

    #[test]
    fn only_ping_is_open() {
        let open: Vec<_> = table().filter(|method| method.need == Need::Nothing).collect();
        assert_eq!(open.iter().map(|method| method.name).collect::<Vec<_>>(), ["ping"]);
    }
}
