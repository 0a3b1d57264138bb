//! A gateway in this process: its parts started from the bottom up, and stopped from the top down.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use api::Server;
use consumers::alerts::Alerts;
use consumers::alerts::intake::Raiser;
use consumers::attendance::Office;
use consumers::{Room, Rules};
use esme::Upstreams;
use gateway::{
    AlertDesk, AttendanceDesk, Carrier, CarrierEvents, Desks, Gateway, Parts, PoolCarrier, SettingsDesk, Tally,
};
use pool::{Pool, PoolHandle};
use store::Store;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::consuming;
use crate::failure::Failure;
use crate::handover::{Handover, Kind};
use crate::intake::{Intake, IntakeDoor};
use crate::post::{PostDoor, PostOffice};
use crate::reload::{Bell, journals};
use crate::smpp::{SmppDesk, SmppDoor, SmppOffice};

/// A gateway that works.
pub(crate) struct Running {
    gateway: Gateway,
    pub(crate) pool: PoolHandle,
    pub(crate) carrier: Arc<PoolCarrier>,
    pub(crate) upstreams: Arc<Upstreams>,
    /// The threads of the API, and of whatever is not to hold up a modem.
    pub(crate) threads: Handle,
    pub(crate) room: Room,
    pub(crate) alerts: Alerts,
    post: Option<PostOffice>,
    intake: Intake,
    pub(crate) smpp: Option<SmppOffice>,
    /// Ends once nothing brings alerts any more and all are kept.
    raising: JoinHandle<()>,
    pub(crate) store: Store,
    pub(crate) api: api::Handle,
    pub(crate) office: Option<Office>,
    /// What is in force.
    pub(crate) settings: Settings,
    address: SocketAddr,
    stop_api: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), api::Error>>,
}

/// The port of the API, the threads that serve it, and the sockets that were handed over for others.
pub(crate) struct Door {
    listener: TcpListener,
    sockets: Handover,
    api: Handle,
}

/// The database of these settings, opened; its folder is made where only that is missing.
///
/// Blocks: call it before there is a runtime.
pub(crate) fn open_store(settings: &Settings) -> Result<(Store, store::Recovered), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(&settings.data) {
        // Where the folder cannot be made, opening says why in better words.
        Ok(()) | Err(_) => {}
    }
    Store::open(&settings.data, &settings.store, gateway::joiner()).map_err(|error| Failure::refused(error.to_string()))
}

impl Running {
    /// Starts everything above the store, with the API on a port that was taken before: where another gateway has it,
    /// no modem is touched. With a bell its settings can be read again.
    pub(crate) async fn start(
        settings: Settings,
        store: Store,
        mut door: Door,
        bell: Option<Bell>,
    ) -> Result<Self, Failure> {
        let tally = Tally::default();
        let mut consumers = consuming::consumers(&settings, &store, &tally)?;
        let attendance = consuming::attendance(&settings, &store)?;
        let office = attendance.as_ref().map(|desk| desk.office().clone());
        let rules = Rules::new(settings.rules.clone());
        let post = PostDoor::open(&settings, &mut door.sockets, &door.api).await?;
        let intake = IntakeDoor::open(&settings, &mut door.sockets, &door.api).await?;
        let smpp = SmppDoor::open(&settings, &mut door.sockets, &door.api).await?;
        door.sockets.close();
        let address = door.listener.local_addr().unwrap_or(settings.api.listen);
        let routes = settings.route_settings();
        let (pool, events) = Pool::start(settings.pool()).map_err(|troubles| {
            let told: Vec<String> = troubles.iter().map(ToString::to_string).collect();
            Failure::refused(format!("[pool]: {}", told.join("; ")))
        })?;
        let (carrier, events) = PoolCarrier::new(pool.clone(), events, journals(&settings));
        let modems = (Arc::clone(&carrier) as Arc<dyn Carrier>, events);
        let (upstreams, events) = bind_to(&settings, &door.api)?;
        let carriers = vec![modems, (Arc::clone(&upstreams) as Arc<dyn Carrier>, events)];
        let parts = Parts {
            uncertain_wait: settings.store.uncertain_wait(),
            config: settings.gateway.clone(),
            retention: settings.retention.clone(),
            settings: routes,
            care: settings.care_settings(),
            store: store.clone(),
            carriers,
            token_sims: settings.api.token_sims(),
            tally,
        };
        let gateway = Gateway::start(parts)
            .await
            .map_err(|error| Failure::refused(error.to_string()))?;
        let smpp = smpp.map(|door| door.staff(&settings, &gateway));
        consumers.extend(smpp.iter().flat_map(SmppDesk::mailmen));
        let (room, alerts, raising) = {
            // Mail servers, webhooks and floods of alerts have the API's threads: none of it may hold up a modem.
            let _apart = door.api.enter();
            let alerts = consuming::alerts(&settings.alerts, &store, &gateway);
            if settings.alerts.hears() {
                consumers.insert(0, Arc::new(alerts.clone()));
            }
            if let Some(attendance) = attendance {
                consumers.insert(0, attendance.open(&gateway));
            }
            let raising = Raiser::start(gateway.clone());
            (Room::start(&store, consumers, rules), alerts, raising)
        };
        let desks = Desks {
            alerts: Some(Arc::new(alerts.clone()) as Arc<dyn AlertDesk>),
            settings: bell.map(|bell| Arc::new(bell) as Arc<dyn SettingsDesk>),
            attendance: office.clone().map(|office| Arc::new(office) as Arc<dyn AttendanceDesk>),
            wires: smpp.as_ref().map(SmppDesk::wires),
        };
        let server = Server::with(&settings.api, gateway.clone(), desks).map_err(|error| api_refused(&error))?;
        let api = server.handle();
        let (raiser, raising) = raising;
        let post = post
            .map(|door| door.serve(&settings, &gateway, &raiser, &api))
            .transpose()?;
        let intake = intake.serve(&settings, &raiser, &api)?;
        let smpp = smpp.map(|desk| desk.serve(&api)).transpose()?;
        let (stop_api, stopped) = oneshot::channel::<()>();
        let serving = door.api.spawn(server.serve(door.listener, async move {
            // A sender that is gone means stop as well.
            let _ = stopped.await;
        }));
        Ok(Self {
            gateway,
            pool,
            carrier,
            upstreams,
            threads: door.api,
            room,
            alerts,
            post,
            intake,
            smpp,
            raising,
            store,
            api,
            office,
            settings,
            address,
            stop_api,
            serving,
        })
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The flows.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The configuration that was to be read again is wrong; health says so until a reload succeeds.
    pub(crate) fn not_reloaded(&self, faults: &[String]) {
        self.api.not_reloaded(faults.first().map_or("", String::as_str));
    }

    /// Waits until the API ends by itself, which it does only when something is wrong.
    pub(crate) async fn failed(&mut self) -> Failure {
        let why = match (&mut self.serving).await {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Failure::refused(format!("the API does not work any more: {why}"))
    }

    /// Stops in order: API, mail, alerts and SMPP coming in, what consumers work, what is with a modem, the ports, the database. Takes
    /// as long as a network may take to answer a modem.
    pub(crate) async fn stop(self) {
        // The API may have ended by itself.
        let _ = self.stop_api.send(());
        if let Some(post) = self.post {
            post.stop().await;
        }
        self.intake.stop().await;
        if let Some(smpp) = self.smpp {
            smpp.stop().await;
        }
        // It ends by itself; one that panicked has ended.
        let _ = self.raising.await;
        if !self.serving.is_finished() {
            let _ = self.serving.await;
        }
        tracing::info!("the API is closed; waiting for the consumers and the modems");
        self.room.stop().await;
        self.gateway.stop().await;
        self.upstreams.stop().await;
        self.pool.stop().await;
        self.store.close().await;
    }
}

/// Begins to bind to the upstreams, on the threads of the API: TLS is not to hold up a modem.
fn bind_to(settings: &Settings, threads: &Handle) -> Result<(Arc<Upstreams>, CarrierEvents), Failure> {
    let _apart = threads.enter();
    let started = Upstreams::start(&settings.upstreams, settings.data.join("trace"));
    started.map_err(|error| Failure::refused(error.to_string()))
}

fn api_refused(error: &api::Error) -> Failure {
    Failure::refused(match error {
        api::Error::Tls(_) => format!(
            "{error}; api.certificate and api.key name the files, and simrelay certificate makes them where there are none"
        ),
        other => other.to_string(),
    })
}

impl Door {
    /// Takes a port, unless one was handed over.
    pub(crate) async fn open(address: SocketAddr, mut sockets: Handover, api: Handle) -> Result<Self, Failure> {
        let mut handed = sockets.take(Kind::API).into_iter();
        let listener = handed.next();
        for _ in handed {
            tracing::warn!("the API has one port; a further socket that was handed over for it is closed");
        }
        let taken = match listener {
            // The threads that serve it wait for it.
            Some(listener) => api.spawn(async { TcpListener::from_std(listener) }).await,
            None => api.spawn(TcpListener::bind(address)).await,
        };
        match taken.map_err(io::Error::other).flatten() {
            Ok(listener) => Ok(Self { listener, sockets, api }),
            Err(error) => Err(cannot_listen(address, &error, "api.listen")),
        }
    }
}

/// The failure of a port that cannot be had; `key` is the setting that names it.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error, key: &str) -> Failure {
    let what_to_do = match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program listens there; stop it, or set {key}"),
        io::ErrorKind::PermissionDenied => format!("ports below 1024 are for root; set {key} to a higher one"),
        io::ErrorKind::AddrNotAvailable => format!("this machine has no such address; set {key}"),
        _ => format!("set {key}"),
    };
    Failure::refused(format!("cannot listen on {address} ({error}): {what_to_do}"))
}
