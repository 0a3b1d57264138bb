//! The demonstration's little world: four simulated modems, and the settings of a gateway that drives them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{Scope, Token};
use gateway::SlotCare;
use hardening::Allowance;
use message::{Number, RouteId};
use modemsim::{Modem, ModemSpec, Network, Profile};
use router::{PrefixCost, RouteConfig};
use tempfile::TempDir;

use crate::certificate;
use crate::config::Settings;
use crate::confine;
use crate::failure::Failure;

/// Everything the demonstration needs beside the gateway. Dropping it removes all of it.
pub(super) struct Town {
    /// The network between the SIMs.
    pub(super) network: Network,
    /// The SIMs, in the order of their slots.
    pub(super) sims: Vec<Sim>,
    /// What clients trust.
    pub(super) authority: PathBuf,
    /// The token, `id.secret`.
    pub(super) token: String,
    /// The settings of the gateway.
    pub(super) settings: Settings,
    folder: TempDir,
}

/// A simulated modem with its SIM.
pub(super) struct Sim {
    /// What it is like.
    pub(super) kind: &'static Kind,
    /// The modem.
    pub(super) modem: Modem,
}

/// What one of the four is like.
pub(super) struct Kind {
    /// Its slot.
    pub(super) slot: &'static str,
    /// The modem's make.
    pub(super) make: &'static str,
    /// The prefixes it sends to; none: every number.
    pub(super) prefixes: &'static [&'static str],
    /// What a part costs, in millionths.
    pub(super) cost_micros: i64,
}

impl Town {
    /// Builds it in a temporary folder.
    pub(super) fn build() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("simrelay-demo-")
            .tempdir()
            .map_err(|error| Failure::refused(format!("no temporary folder: {error}")))?;
        let (network, sims) = simulate(&folder.path().join("ports"))
            .map_err(|error| Failure::refused(format!("the simulated modems do not start: {error}")))?;
        let names = ["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let files = certificate::write(folder.path(), &names)
            .map_err(|error| Failure::refused(format!("no certificate: {error}")))?;
        let token =
            Token::generate(Some("demo"), &[Scope::Admin]).map_err(|error| Failure::refused(error.to_string()))?;
        let mut settings = settings(folder.path(), &sims);
        settings.api.certificate = files.certificate;
        settings.api.key = files.key;
        settings.api.tokens = vec![token.entry.clone()];
        Ok(Self {
            network,
            sims,
            authority: files.authority,
            token: token.plain().to_owned(),
            settings,
            folder,
        })
    }
}

impl Town {
    /// What its gateway needs of the machine. Its ports, and that of its mail server, are not known before they are open.
    pub(super) fn allowed(&self) -> Allowance {
        let folder = self.folder.path();
        let mut allowed = confine::allowed(&self.settings, &folder.join("simrelay.toml"));
        allowed.listen = vec![0, super::USUAL_PORT];
        allowed.connect = None;
        allowed
    }
}

fn simulate(ports: &Path) -> Result<(Network, Vec<Sim>), modemsim::Error> {
    let network = Network::start(modemsim::Settings {
        dir: Some(ports.to_owned()),
        latency: Duration::from_millis(400),
        delivery_delay: Duration::from_millis(300),
        report_delay: Duration::from_millis(500),
        ..modemsim::Settings::default()
    })?;
    let mut sims = Vec::new();
    for (index, kind) in KINDS.iter().enumerate() {
        let modem = network.plug(ModemSpec {
            profile: Profile::find(kind.make)?,
            operator: "Demo".to_owned(),
            ..ModemSpec::new(index)
        })?;
        sims.push(Sim { kind, modem });
    }
    Ok((network, sims))
}

fn settings(folder: &Path, sims: &[Sim]) -> Settings {
    let mut settings = Settings {
        data: folder.join("data"),
        routes: KINDS
            .iter()
            .map(|kind| (RouteId::new(kind.slot), route(kind)))
            .collect(),
        ..Settings::default()
    };
    // Whoever tries the demo pulls no modem out: what health finds while the modems start would only irritate.
    settings.log.level = "error,gateway::keeper=off".to_owned();
    settings.care = KINDS.iter().map(|kind| (RouteId::new(kind.slot), care())).collect();
    settings.gateway.country_code = Some("49".to_owned());
    settings.pool.directories = Vec::new();
    settings.pool.slots = sims
        .iter()
        .map(|sim| (RouteId::new(sim.kind.slot), slot(sim)))
        .collect();
    // To the demonstration's own mail server, whose port is not known yet.
    settings.mail.host = Ipv4Addr::LOCALHOST.to_string();
    settings.mail.from = Some("gateway@example.org".to_owned());
    settings.mail.to = vec!["you@example.org".to_owned()];
    settings.store.consumers = settings.consumers();
    settings
}

fn route(kind: &Kind) -> RouteConfig {
    let prefix = |prefix: &&str| PrefixCost {
        prefix: (*prefix).to_owned(),
        cost_micros: None,
    };
    RouteConfig {
        prefixes: kind.prefixes.iter().map(prefix).collect(),
        cost_micros: kind.cost_micros,
        ..RouteConfig::default()
    }
}

/// The simulated network tells a balance by this code.
fn care() -> SlotCare {
    SlotCare {
        balance_ussd: Some("*100#".to_owned()),
        currency: "EUR".to_owned(),
        ..SlotCare::default()
    }
}

fn slot(sim: &Sim) -> pool::SlotConfig {
    pool::SlotConfig {
        port: Some(sim.modem.path().to_owned()),
        number: Some(Number::received(sim.modem.number())),
        ..pool::SlotConfig::default()
    }
}

const KINDS: [Kind; 4] = [
    Kind {
        slot: "sim1",
        make: "huawei",
        prefixes: &[],
        cost_micros: 90_000,
    },
    Kind {
        slot: "sim2",
        make: "quectel",
        prefixes: &["+49"],
        cost_micros: 70_000,
    },
    Kind {
        slot: "sim3",
        make: "simcom",
        prefixes: &["+49"],
        cost_micros: 75_000,
    },
    Kind {
        slot: "sim4",
        make: "zte",
        prefixes: &["+43", "+41"],
        cost_micros: 50_000,
    },
];
