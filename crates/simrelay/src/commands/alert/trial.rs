//! `simrelay alert test`: what the rules make of an alert.

use clap::Args;
use message::{AlertTrial, RuleTrial, Severity};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, harmless};

/// Say which rule is for a made-up alert, why others are not, and who would be told what
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay alert test --event MOTION_DETECTED --camera cam1
  simrelay alert test --event DOOR_OPENED --camera gate --severity critical --send

Nobody is told without --send. The exit code is 1 where no rule is for it.")]
pub(crate) struct TestArgs {
    /// What happened
    #[arg(long, value_name = "EVENT")]
    event: String,

    /// The camera, host or door it is about
    #[arg(long, value_name = "CAMERA", default_value = "camera")]
    camera: String,

    /// How bad it is: info, warning or critical
    #[arg(long, value_name = "SEVERITY", default_value = "warning", value_parser = severity)]
    severity: Severity,

    /// A sentence for people
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// Which way it comes, where rules ask for that
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    /// Really raise it: people are told
    #[arg(long)]
    send: bool,
}

/// Tries it.
pub(super) async fn run(args: &TestArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let mut asked = json!({
        "event": args.event,
        "camera": args.camera,
        "severity": args.severity,
        "send": args.send,
    });
    for (name, value) in [("text", &args.text), ("source", &args.source)] {
        if let Some(value) = value {
            asked[name] = json!(value);
        }
    }
    let result: Value = client.call("alert.test", asked).await?;
    let trial: AlertTrial = understood("alert.test", result.clone())?;
    match screen.is_json() {
        true => screen.value(&result)?,
        false => tell(&trial, screen)?,
    }
    match trial.rules.iter().any(|rule| rule.fits) {
        true => Ok(()),
        false if screen.is_json() => Err(Failure::Told(1)),
        false => Err(Failure::refused("no rule is for this alert: nobody would be told")),
    }
}

fn tell(trial: &AlertTrial, screen: &Screen) -> Result<(), Failure> {
    for rule in &trial.rules {
        tell_rule(rule, screen)?;
    }
    match trial.raised {
        Some(raised) => screen.line(format!("raised as {}: people are told now", raised.number)),
        None => Ok(()),
    }
}

fn tell_rule(rule: &RuleTrial, screen: &Screen) -> Result<(), Failure> {
    let verdict = if rule.fits { "yes" } else { "no" };
    screen.line(harmless(&format!("{}: {verdict}: {}", rule.rule, rule.why)))?;
    for notice in &rule.tells {
        screen.line(harmless(&format!("  {} to {}: {}", notice.way, notice.to, notice.text)))?;
        if let Some(problem) = &notice.problem {
            screen.line(harmless(&format!("    would not reach them: {problem}")))?;
        }
    }
    Ok(())
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = [Severity::Info, Severity::Warning, Severity::Critical];
    let found = known.into_iter().find(|one| one.word() == text);
    found.ok_or_else(|| "one of info, warning, critical".to_owned())
}
