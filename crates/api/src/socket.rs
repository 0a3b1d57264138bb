//! WebSockets: opened by a token, watched for its revocation, carried by the library.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::AUTHORIZATION;
use jsonrpsee::core::middleware::RpcServiceBuilder;

use crate::codes::{Code, Refusal};
use crate::patience::Stage;
use crate::rpc::{Caller, GuardLayer};
use crate::web::{Front, Peer};

/// Answers an upgrade request. The session then lives in a task of its own until the client goes, falls silent, loses
/// its token, or the gateway stops.
pub(crate) async fn open(front: Arc<Front>, peer: Arc<Peer>, mut request: Request) -> Result<Response, Refusal> {
    let app = front.app.clone();
    let principal = app
        .keeper
        .admit(peer.address, request.headers().get(AUTHORIZATION))
        .await?;
    let caller = Caller::new(peer.address, principal, true);
    let principal = caller.principal()?.clone();

    request.extensions_mut().insert(caller.clone());
    let layers = RpcServiceBuilder::new().layer(GuardLayer {
        app: app.clone(),
        caller,
    });
    let state = front.connection(SESSIONS.fetch_add(1, Relaxed))?;
    let opened = jsonrpsee::server::ws::connect(request, front.rpc.clone(), front.methods.clone(), state, layers).await;
    let (response, session) =
        opened.map_err(|_| Refusal::new(Code::REQUEST, "the WebSocket handshake is incomplete"))?;

    peer.activity.enter(Stage::Socket);
    tokio::spawn(async move {
        // Dropping the session closes the connection and ends its calls and subscriptions.
        tokio::select! {
            () = session => {}
            () = app.keeper.revoked(&principal) => tracing::info!(token = principal.id(), "closing a WebSocket: token revoked"),
        }
        drop(peer);
    });
    Ok(response.map(Body::new))
}

/// Tells sessions apart; 0 stands for plain requests.
static SESSIONS: AtomicU32 = AtomicU32::new(1);
