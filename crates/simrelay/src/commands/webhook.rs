//! `simrelay webhook`: whether a hook works.

use std::path::PathBuf;

use clap::Subcommand;
use consumers::webhook::{Answer, Trouble, Webhook};
use serde_json::json;

use crate::config;
use crate::failure::Failure;
use crate::screen::Screen;

/// Look after the webhooks
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Post a test event to a hook and tell what it answers
    #[command(after_help = "Example:
  simrelay webhook test shop --config /etc/simrelay/simrelay.toml

The event is `test`, signed as every other. It is posted from here and at once, by the settings in the file, whether
the gateway runs or not; so run it as a user that may read the file. The exit code is 1 where the hook does not answer
with a status from 200 to 299.")]
    Test {
        /// The hook's name in the configuration
        name: String,
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
        config: PathBuf,
    },
}

/// Tests the hook.
pub(crate) async fn run(command: &WebhookCommand, screen: &Screen) -> Result<(), Failure> {
    let WebhookCommand::Test { name, config: file } = command;
    let settings = config::load(file).map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::refused(told.join("\n"))
    })?;
    let Some(hook) = settings.webhooks.iter().find(|hook| hook.name == *name) else {
        let known: Vec<&str> = settings.webhooks.iter().map(|hook| hook.name.as_str()).collect();
        let known = match known.is_empty() {
            true => "there is none".to_owned(),
            false => format!("there are: {}", known.join(", ")),
        };
        return Err(Failure::Usage(format!("no webhook is called {name}; {known}")));
    };
    let hook = Webhook::new(hook.clone()).map_err(|error| Failure::refused(format!("webhooks.{name}: {error}")))?;
    tell(name, &hook.test().await, screen)
}

fn tell(name: &str, answer: &Result<Answer, Trouble>, screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        screen.value(&match answer {
            Ok(answer) => json!({ "webhook": name, "status": answer.status, "took_ms": answer.took.as_millis() }),
            Err(trouble) => json!({ "webhook": name, "problem": trouble.to_string() }),
        })?;
    } else if let Ok(answer) = answer {
        screen.line(format!(
            "{name} answers {} after {} ms",
            answer.status,
            answer.took.as_millis()
        ))?;
    }
    match answer {
        Ok(_) => Ok(()),
        Err(_) if screen.is_json() => Err(Failure::Told(1)),
        Err(trouble) => Err(Failure::refused(format!("{name}: {trouble}"))),
    }
}
