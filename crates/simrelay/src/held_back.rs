//! Sections that a running gateway cannot take: what they need was given up before they were there ([hardening]).

use reqwest::Url;

use crate::config::Settings;
use crate::confine::UNTIL;

/// Leaves such sections as they are in `old`; what is said of each. `reaches`: whether a port of other machines may be
/// connected to. Files are no matter here: one that may not be read is a fault of the whole configuration.
pub(crate) fn hold_back(old: &Settings, new: &mut Settings, reaches: impl Fn(u16) -> bool) -> Vec<String> {
    let mut held = Vec::new();
    let mut beyond = |name: String, port: Option<u16>| {
        let port = port.filter(|port| !reaches(*port));
        held.extend(port.map(|port| format!("{name} (port {port} of other machines cannot be connected to {UNTIL})")));
        port.is_some()
    };
    let upstreams = std::mem::take(&mut new.upstreams);
    for (name, upstream) in upstreams {
        let known = old.upstreams.get(&name);
        let port = upstream.host_and_port().map(|(_, port)| port);
        let wanted = upstream.enabled && known != Some(&upstream);
        if !(wanted && beyond(format!("upstreams.{name}"), port)) {
            new.upstreams.insert(name, upstream);
            continue;
        }
        match known {
            Some(known) => drop(new.upstreams.insert(name, known.clone())),
            None => drop(new.upstream_routes.remove(&name)),
        }
    }
    let hooks = std::mem::take(&mut new.webhooks);
    for hook in hooks {
        let known = old.webhooks.iter().find(|known| known.name == hook.name);
        let port = Url::parse(&hook.url).ok().and_then(|url| url.port_or_known_default());
        match known != Some(&hook) && beyond(format!("webhooks.{}", hook.name), port) {
            true => new.webhooks.extend(known.cloned()),
            false => new.webhooks.push(hook),
        }
    }
    let accounts = std::mem::take(&mut new.smpp.accounts);
    for account in accounts {
        let known = old
            .smpp
            .accounts
            .iter()
            .find(|known| known.system_id == account.system_id);
        let address = account.outbind.as_deref().and_then(esme::host_and_port);
        let port = address.map(|(_, port)| port);
        let name = format!("smpp.accounts.{}", account.system_id);
        match known != Some(&account) && beyond(name, port) {
            true => new.smpp.accounts.extend(known.cloned()),
            false => new.smpp.accounts.push(account),
        }
    }
    let mails = new.mail.is_on() || new.alerts.mails();
    let changed =
        old.mail.host != new.mail.host || old.mail.port != new.mail.port || !(old.mail.is_on() || old.alerts.mails());
    if mails && changed && beyond("mail".to_owned(), Some(new.mail.port)) {
        new.mail = old.mail.clone();
        // Whom alerts are mailed to follows from it.
        if new.alerts != old.alerts {
            new.alerts = old.alerts.clone();
            held.push("alerts (with mail)".to_owned());
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::of_text as settings;

    #[test]
    fn an_upstream_that_cannot_be_reached_waits_for_a_restart_and_no_other_with_it() {
        let phone = |port| format!("[upstreams.phone]\naddress = 'a:{port}'\nsystem_id = 'relay'\n");
        let other = "[upstreams.other]\naddress = 'b:1'\nsystem_id = 'relay'\ncost_micros = 3\n";
        let old = settings(&phone(1));
        let mut new = settings(&format!("{}{other}", phone(2)));
        let held = hold_back(&old, &mut new, |port| port == 1);
        assert!(
            held.len() == 1 && held[0].starts_with("upstreams.phone (port 2 of"),
            "{held:?}"
        );
        assert_eq!(new.upstreams.len(), 2);
        assert!(
            new.upstreams
                .iter()
                .any(|(name, phone)| old.upstreams.get(name) == Some(phone))
        );
        let mut new = settings(other);
        assert_eq!(hold_back(&old, &mut new, |_| false).len(), 1);
        assert!(new.upstreams.is_empty() && new.upstream_routes.is_empty());
        let mut new = settings(&phone(1));
        assert_eq!(
            hold_back(&old, &mut new, |_| false),
            Vec::<String>::new(),
            "what is there stays"
        );
    }

    #[test]
    fn hooks_accounts_and_mail_wait_alone_too_and_what_leads_nowhere_new_does_not() {
        let hash = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";
        let hook = |name, port| {
            format!("[[webhooks]]\nname = '{name}'\nurl = 'https://x.org:{port}/'\nsecret = '0123456789abcdef'\n")
        };
        let account = |name, port| {
            let outbind = format!("outbind = 'a:{port}'");
            format!("[[smpp.accounts]]\nsystem_id = '{name}'\nhash = '{hash}'\n{outbind}\n")
        };
        let mail = "[mail]\nhost = 'x.org'\nport = 26\nfrom = 'a@x.org'\nto = ['b@x.org']\n";
        let listen = "[smpp]\nlisten = ['127.0.0.1:2775']\n";
        let old = settings(&format!("{listen}{}{}", account("a", 1), hook("one", 1)));
        let text = [
            &account("a", 2),
            &account("b", 1),
            &hook("one", 2),
            &hook("two", 2),
            &hook("three", 1),
        ];
        let mut new = settings(&format!("{listen}{}{mail}", text.map(String::as_str).concat()));
        let held = hold_back(&old, &mut new, |port| port == 1);
        let names: Vec<&str> = held.iter().filter_map(|one| one.split(" (").next()).collect();
        assert_eq!(
            names,
            ["webhooks.one", "webhooks.two", "smpp.accounts.a", "mail", "alerts"]
        );
        assert_eq!(new.webhooks[0], old.webhooks[0]);
        assert_eq!(new.webhooks.len(), 2, "the third one is taken");
        assert_eq!(new.smpp.accounts[0], old.smpp.accounts[0]);
        assert!(new.smpp.accounts.len() == 2 && !new.mail.is_on() && !new.alerts.mails());
    }
}
