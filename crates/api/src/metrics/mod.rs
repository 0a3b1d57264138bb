//! `/metrics`: what the snapshot says, as Prometheus and others read it.
//!
//! [`families`] names what is told and reads it from the gateway's one snapshot, so that a scrape says what health and
//! statistics say; [`exposition`] writes it, in the text format 0.0.4 or as OpenMetrics 1.0, whichever is asked for; only
//! [`process`] asks the system. Nothing is labelled by a phone number. `docs/decisions/metrics.md` tells why no library does it.
//!
//! Let in is who shows a token with the scope `metrics`, or comes from a network on the list.

mod applications;
mod counted;
mod exposition;
mod families;
mod process;
mod traffic;
mod upstreams;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use message::Network;
use serde::Deserialize;

use crate::codes::{Code, Refusal};
use crate::rpc::App;
use crate::token::Scope;

use exposition::Format;

/// Who may read `/metrics`. `[metrics]` in the configuration.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Networks whose scrapes need no token, as `10.0.0.0/8` or `127.0.0.1`. Default: none.
    pub allow: Vec<Network>,
}

/// The answer to a scrape.
pub(crate) async fn answer(app: &App, address: std::net::IpAddr, headers: &HeaderMap) -> Result<Response, Refusal> {
    if !app.metrics.allow.iter().any(|network| network.holds(address)) {
        admit(app, address, headers).await?;
    }
    let format = Format::wanted(
        headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default(),
    );
    let snapshot = app.gateway.snapshot();
    // The system is asked by reading files, if only of memory.
    let process = tokio::task::spawn_blocking(process::Process::read).await.ok().flatten();
    let text = families::write(&snapshot, &app.troubles.findings(), process.as_ref(), format);
    let mut response = Body::from(text).into_response();
    let kind = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

async fn admit(app: &App, address: std::net::IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
    let shown = app.keeper.admit(address, headers.get(AUTHORIZATION)).await?;
    let missing = || Refusal::new(Code::TOKEN_MISSING, "show a token as `Authorization: Bearer id.secret`");
    let principal = shown.ok_or_else(missing)?;
    if !principal.may(Scope::Metrics) {
        return Err(Refusal::new(
            Code::SCOPE,
            "/metrics needs the scope 'metrics', which the token lacks",
        ));
    }
    principal.count_call()
}
