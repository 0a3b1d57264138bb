//! `simrelay demo`: what a newcomer sees first.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Following, Run, eventually, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn demo(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program("simrelay"));
    command
        .arg("demo")
        .args(args)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Ctrl-C, and the end that follows.
fn interrupt(demo: &mut Following) -> Option<i32> {
    let pid = Pid::from_raw(i32::try_from(demo.pid()).expect("a process id"));
    kill(pid, Signal::SIGINT).expect("it can be interrupted");
    let status = eventually("the demo ends", LONG, || {
        demo.child().try_wait().expect("it can be waited for")
    });
    status.code()
}

/// The lines of the screen between two that hold these words.
fn block(screen: &[String], from: &str, to: &str) -> Vec<String> {
    let at = |words: &str| {
        screen
            .iter()
            .position(|line| line.contains(words))
            .unwrap_or_else(|| panic!("no '{words}' in {screen:#?}"))
    };
    screen[at(from) + 1..at(to)]
        .iter()
        .map(|line| line.trim_start().to_owned())
        .collect()
}

#[test]
fn what_it_prints_works_when_it_is_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Following::start(&mut demo(folder.path(), &[]));
    let mut screen = Vec::new();
    while screen.last().is_none_or(|line: &String| !line.contains("What arrives")) {
        screen.push(demo.line(LONG));
    }
    assert!(
        screen.iter().any(|line| line.contains("https://localhost:")),
        "{screen:#?}"
    );
    assert!(screen.iter().all(|line| line == line.trim_end()), "{screen:#?}");
    let greeting = demo.line_with("Hello from outside", LONG);
    assert!(greeting.contains("sim2"), "{greeting}");
    let mail = demo.line_with("mail to you@example.org", LONG);
    assert!(mail.contains("Hello from outside"), "{mail}");

    let exports = block(&screen, "Paste this", "and then").join("\n");
    let examples = block(&screen, "and then", "What arrives")
        .join("\n")
        .replace("\\\n", " ");
    let mut tried = 0;
    for example in examples.lines().filter(|line| !line.is_empty()) {
        // What follows for ever, and what asks back, is tried for a moment.
        let endless = example.contains("--follow");
        let line = if endless {
            format!("timeout 3 {}", example.replace("simrelay", "\"$PROGRAM\""))
        } else {
            example.to_owned()
        };
        let run = Run::of(
            Command::new("sh")
                .env("PROGRAM", program("simrelay"))
                .arg("-c")
                .arg(format!("{exports}\n{line}\n"))
                .stdin(Stdio::null()),
        );
        if endless {
            assert_eq!(run.code, 124, "{example}: {run:?}");
            assert!(run.out.contains("Hello from outside"), "{example}: {run:?}");
        } else if example.starts_with("curl") && run.code == 127 {
            eprintln!("curl is missing, so its line is not tried");
            continue;
        } else {
            assert_eq!(run.code, 0, "{example}: {run:?}");
            assert!(!run.out.is_empty(), "{example}");
            let balance = !example.ends_with(" balance") || run.out.contains("7.95 EUR");
            assert!(balance, "{example}: {run:?}");
        }
        tried += 1;
    }
    assert!(tried >= 6, "{examples}");
    let arrived = demo.line_with("Hello from the demo", LONG);
    assert!(
        arrived.contains("sim1") && arrived.contains("+49151000001") || arrived.contains("from"),
        "{arrived}"
    );
    demo.line_with("Grüße 👋", LONG);
    assert_eq!(interrupt(&mut demo), Some(0));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn two_of_them_run_side_by_side_and_speak_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demos = [0, 1].map(|_| Following::start(&mut demo(folder.path(), &["--json"])));
    let told = [0, 1].map(|index: usize| serde_json::from_str::<Value>(&demos[index].line(LONG)).expect("JSON"));
    assert_ne!(told[0]["url"], told[1]["url"]);
    for (demo, told) in demos.iter_mut().zip(&told) {
        let word = |key: &str| told[key].as_str().expect("a word").to_owned();
        let to = told["numbers"][3].as_str().expect("a number");
        let run = Run::of(
            Command::new(program("simrelay"))
                .env("SIMRELAY_URL", word("url"))
                .env("SIMRELAY_CA", word("ca"))
                .env("SIMRELAY_TOKEN", word("token"))
                .args(["send", to, "from one SIM to another", "--wait", "--json"])
                .stdin(Stdio::null()),
        );
        assert_eq!(run.code, 0, "{run:?}");
        let message = demo.line_with("from one SIM to another", LONG);
        let message: Value = serde_json::from_str(&message).expect("an object a line");
        assert_eq!((&message["to"], &message["kind"]), (&json!(to), &json!("text")));
        assert_eq!(interrupt(demo), Some(0));
    }
}
