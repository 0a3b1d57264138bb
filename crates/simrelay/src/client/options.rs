//! Where the gateway is and who asks: options, and the variables that stand in for them.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::header::HeaderValue;

use crate::failure::Failure;

/// How to reach the gateway; the same for every command that asks it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct Connection {
    /// Where the gateway listens [default: https://localhost:7000]
    #[arg(long, global = true, env = "SIMRELAY_URL", value_name = "URL")]
    url: Option<String>,

    /// The token to show; other users may see command lines, so prefer the variable or --token-file
    #[arg(
        long,
        global = true,
        env = "SIMRELAY_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,

    /// A file that holds the token, for its owner to read, or its group
    #[arg(long, global = true, env = "SIMRELAY_TOKEN_FILE", value_name = "FILE", value_parser = path)]
    token_file: Option<PathBuf>,

    /// The certificate to trust, in PEM form: the gateway's own or that of its authority; without it the system's
    #[arg(long, global = true, env = "SIMRELAY_CA", value_name = "FILE", value_parser = path)]
    ca: Option<PathBuf>,

    /// Give up after this many seconds without an answer [default: 30]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: Option<u64>,
}

/// Where a plugin of others' monitoring looks, as far as its own options or variables say.
#[derive(Debug, Default)]
pub(crate) struct Aim {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) token: Option<String>,
    pub(crate) ca: Option<PathBuf>,
    /// In seconds.
    pub(crate) limit: u64,
}

/// What the help calls these options.
pub(crate) const CONNECTION: &str = "Connection";

impl Connection {
    /// How long an answer is waited for.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(PATIENCE_S))
    }

    /// The same gateway but for what `aim` says.
    pub(crate) fn aimed(&self, aim: Aim) -> Self {
        let mut aimed = self.clone();
        if aim.host.is_some() || aim.port.is_some() {
            let host = aim.host.unwrap_or_else(|| String::from("localhost"));
            let host = match host.contains(':') && !host.starts_with('[') {
                true => format!("[{host}]"),
                false => host,
            };
            aimed.url = Some(format!("https://{host}:{}", aim.port.unwrap_or(USUAL_PORT)));
        }
        aimed.token = aim.token.filter(|token| !token.is_empty()).or(aimed.token);
        aimed.ca = aim.ca.or(aimed.ca);
        aimed.timeout = Some(aim.limit);
        aimed
    }

    /// The gateway of this machine whose configuration names `listen` and `certificate`; what an option or a variable says of
    /// either goes before.
    pub(crate) fn or_here(&self, listen: SocketAddr, certificate: &Path) -> Self {
        let mut here = self.clone();
        if self.url.is_some() {
            return here;
        }
        let host = match listen.ip() {
            ip if ip.is_unspecified() || ip.is_loopback() => String::from("localhost"),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        here.url = Some(format!("https://{host}:{}", listen.port()));
        let is_given = here.ca.as_deref().is_some_and(is_given);
        if !is_given && fs::File::open(certificate).is_ok() {
            here.ca = Some(certificate.to_owned());
        }
        here
    }

    /// Where the gateway listens, as far as is known.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(USUAL_URL)
    }

    /// The address that calls are posted to.
    pub(crate) fn endpoint(&self) -> Result<String, Failure> {
        let url = self.url().trim_end_matches('/');
        let wrong = |why: &str| Failure::Usage(format!("--url '{}': {why}", self.url()));
        let parsed: reqwest::Url = url
            .parse()
            .map_err(|_| wrong("not an address; write it as https://host:7000"))?;
        match parsed.scheme() {
            "https" => {}
            "http" => return Err(wrong("the gateway speaks TLS only; write https://")),
            _ => return Err(wrong("not an address; write it as https://host:7000")),
        }
        match parsed.path() {
            "/" => Ok(format!("{url}/rpc")),
            _ => Ok(url.to_owned()),
        }
    }

    /// The certificate to trust, where one is given.
    pub(crate) fn authority(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = self.ca.as_deref().filter(|path| is_given(path)) else {
            return Ok(None);
        };
        fs::read(path)
            .map(Some)
            .map_err(|error| unreadable("--ca", path, &error))
    }

    /// The `Authorization` header, where there is a token.
    pub(crate) fn bearer(&self) -> Result<Option<HeaderValue>, Failure> {
        let Some(token) = self.secret()? else { return Ok(None) };
        let header = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut header = header.map_err(|_| Failure::Usage("the token holds characters that no token has".into()))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// What is wrong with the file that the token is taken from, as a sentence.
    pub(crate) fn complaint(&self) -> Option<String> {
        lies_open("--token-file", self.secret_file()?)
    }

    /// The file that the token is taken from.
    fn secret_file(&self) -> Option<&Path> {
        let is_said = self.token.as_ref().is_some_and(|token| !token.is_empty());
        self.token_file.as_deref().filter(|path| !is_said && is_given(path))
    }

    fn secret(&self) -> Result<Option<String>, Failure> {
        if let Some(token) = self.token.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(token.trim().to_owned()));
        }
        let Some(path) = self.secret_file() else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map_err(|error| unreadable("--token-file", path, &error))?;
        Ok(Some(text.trim().to_owned()))
    }
}

/// Whom a file of a secret is open to, besides its owner and its group, as a sentence with the cure. It is no reason to refuse
/// it, as the gateway refuses its own: secrets that a container is given are often 0444, and only this machine's users are in
/// question. Pipes, as shells make them for `<(…)`, are nobody else's.
pub(crate) fn lies_open(option: &str, path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mode = found.permissions().mode() & 0o7777;
    let path = path.display();
    (mode & EVERYBODY != 0).then(|| {
        format!("{option} {path}: everybody on this machine may use it (mode {mode:04o}): chmod 600 {path}, or 640 for a group")
    })
}

/// An empty variable means the same as none, as shells leave them behind.
fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

fn is_given(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn unreadable(option: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{option} {}: {error}", path.display()))
}

/// The bits that let everybody read or write a file.
const EVERYBODY: u32 = 0o006;

/// Where the gateway listens unless it is told otherwise.
const USUAL_PORT: u16 = 7000;

/// The same as an address.
const USUAL_URL: &str = "https://localhost:7000";

/// How long an answer is waited for where nothing is said.
const PATIENCE_S: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<String, String> {
        let connection = Connection {
            url: Some(url.into()),
            token: None,
            token_file: None,
            ca: None,
            timeout: None,
        };
        connection
            .endpoint()
            .map_err(|failure| failure.sentence().unwrap_or_default().to_owned())
    }

    #[test]
    fn calls_go_to_rpc_unless_a_path_is_given() {
        assert_eq!(endpoint("https://h:7000"), Ok("https://h:7000/rpc".into()));
        assert_eq!(endpoint("https://h:7000/"), Ok("https://h:7000/rpc".into()));
        assert_eq!(endpoint("https://h/sms/rpc"), Ok("https://h/sms/rpc".into()));
    }

    #[test]
    fn plain_http_is_refused_with_the_reason() {
        assert_eq!(
            endpoint("http://h:7000"),
            Err("--url 'http://h:7000': the gateway speaks TLS only; write https://".into())
        );
        assert!(endpoint("localhost:7000").is_err());
        assert!(endpoint("").is_err());
    }

    #[test]
    fn a_token_that_everybody_may_read_is_told_with_the_cure() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = |token: Option<&str>, mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let connection = Connection {
                url: None,
                token: token.map(str::to_owned),
                token_file: Some(file.path().to_owned()),
                ca: None,
                timeout: None,
            };
            connection.complaint()
        };
        for closed in [0o600, 0o400, 0o640, 0o660] {
            assert_eq!(told(None, closed), None, "{closed:o}");
        }
        for open in [0o604, 0o644, 0o666, 0o602] {
            let cure = format!("(mode {open:04o}): chmod 600 {}", file.path().display());
            assert!(told(None, open).is_some_and(|told| told.contains(&cure)), "{open:o}");
        }
        assert_eq!(told(Some("a.b"), 0o644), None, "it is not read");
        assert_eq!(lies_open("--token-file", Path::new("/dev/null")), None, "it is no file");
    }

    #[test]
    fn a_plugin_names_host_and_port_apart() {
        let anywhere = Connection {
            url: None,
            token: Some("t".into()),
            token_file: None,
            ca: None,
            timeout: None,
        };
        let aimed = |host: Option<&str>, port| {
            let host = host.map(str::to_owned);
            let aimed = anywhere.aimed(Aim {
                host,
                port,
                limit: 5,
                ..Aim::default()
            });
            assert_eq!((aimed.token.as_deref(), aimed.timeout), (Some("t"), Some(5)));
            aimed.url().to_owned()
        };
        assert_eq!(aimed(None, None), "https://localhost:7000");
        assert_eq!(aimed(Some("gw"), None), "https://gw:7000");
        assert_eq!(aimed(Some("::1"), Some(7001)), "https://[::1]:7001");
        assert_eq!(aimed(None, Some(7001)), "https://localhost:7001");
    }

    #[test]
    fn what_is_not_said_is_as_the_configuration_has_it() {
        let said = |url: Option<&str>| Connection {
            url: url.map(str::to_owned),
            token: None,
            token_file: None,
            ca: None,
            timeout: None,
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let here = |url, listen: &str| {
            let here = said(url).or_here(listen.parse().unwrap(), file.path());
            (here.url().to_owned(), here.ca.is_some())
        };
        assert_eq!(here(None, "0.0.0.0:7777"), ("https://localhost:7777".into(), true));
        assert_eq!(here(None, "[::1]:7777"), ("https://localhost:7777".into(), true));
        assert_eq!(here(None, "192.0.2.7:7000"), ("https://192.0.2.7:7000".into(), true));
        assert_eq!(
            here(None, "[2001:db8::7]:7000"),
            ("https://[2001:db8::7]:7000".into(), true)
        );
        assert_eq!(here(Some("https://h"), "0.0.0.0:7777"), ("https://h".into(), false));
        let unreadable = said(None).or_here("0.0.0.0:1".parse().unwrap(), Path::new("/nonexistent/c.pem"));
        assert!(unreadable.ca.is_none());
    }
}
