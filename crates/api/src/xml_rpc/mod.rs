//! XML-RPC, as the clients of Pentagrid's SMSgate speak it: seven methods with the token as their first parameter.
//!
//! - `wire` reads calls and writes answers, within bounds;
//! - `fault` is the one table from refusals to SMSgate's fault codes;
//! - `methods` has the methods. Each asks the same [`gateway::Gateway`] as JSON-RPC does, on behalf of the same tokens,
//!   with the same limits, scopes and restrictions; legacy tokens, which only live here, are the keeper's too.
//!
//! Faults travel with HTTP status 200, since clients else show the status and throw the fault away.

mod fault;
mod methods;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use crate::codes::{Code, Refusal};
use crate::rpc::App;
use fault::Fault;
use wire::Call;

/// Answers the body of a request.
pub(crate) async fn answer(app: &Arc<App>, address: IpAddr, body: &[u8]) -> String {
    let answered = match Call::decode(body) {
        Ok(call) => methods::run(app, address, call).await,
        Err(error) => Err(Fault::unreadable(&error)),
    };
    let told = answered.map(|value| wire::answer(&value));
    match told {
        Ok(told) if told.len() > app.limits.response_bytes as usize => refused(&Refusal::new(
            Code::RESPONSE_TOO_LARGE,
            "the answer is too large; ask for less",
        )),
        Ok(told) => told,
        Err(fault) => fault.encode(),
    }
}

/// Answers a request that never became a call.
pub(crate) fn refused(refusal: &Refusal) -> String {
    Fault::of(refusal).encode()
}

/// The longest body, in octets: enough for the longest message there is, with each of its characters as a reference.
pub(crate) const LONGEST_BODY: u32 = 256 * 1024;
