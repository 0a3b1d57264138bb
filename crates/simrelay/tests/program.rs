//! The program from outside: help, completions, manual pages, exit codes.

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use common::{run, simrelay, stderr, stdout};

/// Every command that does something, as it is called.
const COMMANDS: &[&str] = &[
    "demo",
    "serve",
    "send",
    "inbox",
    "outbox",
    "status",
    "check",
    "munin",
    "trace",
    "cancel",
    "resolve",
    "modems",
    "upstreams",
    "sim unlock",
    "ussd",
    "route",
    "preview",
    "health",
    "numbers stopped",
    "numbers stop",
    "numbers allow",
    "numbers erase",
    "doctor",
    "token new",
    "token hash",
    "pdu decode",
    "pdu encode",
    "smpp account",
    "smpp decode",
    "smpp analyze",
    "smpp sessions",
    "config check",
    "reload",
    "backup",
    "restore",
    "audit list",
    "audit verify",
    "certificate",
    "import-smsgate",
    "hardening try",
    "webhook test",
    "alert send",
    "alert list",
    "alert ack",
    "alert test",
    "attendance list",
    "attendance show",
    "attendance history",
    "attendance who",
    "attendance query",
    "attendance device add",
    "attendance device list",
    "attendance device revoke",
    "attendance device set",
    "balance",
    "completions",
    "man",
];

#[test]
fn the_version_is_json_where_json_is_asked_for() {
    for line in [&["--version", "--json"][..], &["--json", "--version"]] {
        let output = run(line);
        let told: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(
            (&told["name"], &told["version"]),
            (&"simrelay".into(), &env!("CARGO_PKG_VERSION").into())
        );
        assert!(output.status.success());
    }
    assert!(stdout(&run(&["--version"])).starts_with("simrelay "));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in COMMANDS {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let output = run(&arguments);
        // A plugin that is asked for its help has checked nothing.
        let code = if *command == "check" { 3 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{command}");
        let help = stdout(&output);
        assert!(help.contains("Usage: simrelay"), "{command}: {help}");
        assert!(
            help.contains(&format!("simrelay {command}")),
            "{command} has no example: {help}"
        );
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[test]
fn the_main_help_lists_every_command_and_the_exit_codes() {
    let help = stdout(&run(&["--help"]));
    for command in COMMANDS {
        let word = command.split(' ').next().unwrap();
        assert!(help.contains(&format!("\n  {word} ")), "{word} is not in the help");
    }
    for code in 0..=4 {
        assert!(
            help.contains(&format!("\n  {code}  ")),
            "exit code {code} is not in the help"
        );
    }
}

#[test]
fn the_list_of_commands_in_this_test_is_whole() {
    let help = stdout(&run(&["--help"]));
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let words = listed
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    for word in words.filter(|word| *word != "help") {
        assert!(
            COMMANDS.iter().any(|command| command.split(' ').next() == Some(word)),
            "{word}"
        );
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let script = stdout(&output);
        assert!(script.contains("inbox") && script.contains("follow"), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    let output = run(&["man", "--out", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for command in COMMANDS {
        let page = fs::read_to_string(path.join(format!("simrelay-{}.1", command.replace(' ', "-")))).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{command}");
        assert!(
            page.contains(".SH EXAMPLES\n.nf\n  ") && !page.contains(".SH EXTRA"),
            "{page}"
        );
    }
    let pages = fs::read_dir(&path).unwrap();
    let mut pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    assert!(
        !pages.any(|page| page.contains("help")),
        "clap's own commands need no page"
    );
    let main = stdout(&run(&["man"]));
    assert!(main.contains(".SH NAME") && !main.contains("simrelay\\-help"), "{main}");
}

#[test]
fn a_plugin_that_is_called_by_its_link_explains_itself_by_that_name() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("check_simrelay");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_simrelay"), &link).unwrap();
    let said = |option| {
        let output = std::process::Command::new(&link).arg(option).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "as plugins do");
        stdout(&output)
    };
    let help = said("-h");
    assert!(help.contains("Usage: check_simrelay [OPTIONS]"), "{help}");
    assert!(!help.contains("check_simrelay check"), "{help}");
    assert!(said("-V").starts_with("check_simrelay 0."), "{}", said("-V"));
}

#[test]
fn why_a_service_does_not_start_is_an_error_in_the_journal() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("simrelay.toml"), folder.path().join("log"));
    fs::write(&config, "dta = 1\n").unwrap();
    let output = fs::File::create(&log).unwrap();
    let found = output.metadata().unwrap();
    // As systemd names the journal's socket, wherever that leads.
    let stream = format!("{}:{}", found.dev(), found.ino());
    let mut serve = simrelay(&["serve", "--config", config.to_str().unwrap()]);
    let status = serve.env("JOURNAL_STREAM", stream).stderr(output).status().unwrap();
    let told = fs::read_to_string(&log).unwrap();
    assert_eq!(status.code(), Some(78), "{told}");
    assert!(
        told.lines().count() >= 2 && told.lines().all(|line| line.starts_with("<3>")),
        "{told}"
    );
}

#[test]
fn a_gateway_that_is_not_there_is_exit_code_3() {
    let port = unused_port();
    let url = format!("https://127.0.0.1:{port}");
    let output = run(&["health", "--url", &url]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        stderr(&output),
        format!(
            "simrelay: no answer from {url}/rpc: connection refused; is the gateway running, and is --url (SIMRELAY_URL) right?\n"
        )
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_failure_is_an_object_for_programs() {
    let url = format!("https://127.0.0.1:{}", unused_port());
    let output = run(&["health", "--json", "--url", &url]);
    assert_eq!(output.status.code(), Some(3));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["kind"], "unreachable");
}

#[test]
fn a_server_without_tls_is_told_from_a_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let output = run(&["health", "--url", &url]);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("it does not speak TLS"), "{}", stderr(&output));
}

#[test]
fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let output = run(&["health", "--timeout", "1", "--url", &url]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("no answer in time"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for wrong in [
        &["send"][..],
        &["send", "+491711234567", "x", "--priority", "4"],
        &["send", "+491711234567", "x", "--validity", "soon"],
        &["send", "+491711234567", "x", "--strict"],
        &["send", "+491711234567", "x", "--at", "never"],
        &["status", "4711"],
        &["resolve", "01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10", "maybe"],
        &["outbox", "--state", "lost"],
        &["ussd", "sim1"],
        &["numbers", "erase", "+491711234567"],
        &["frobnicate"],
        &["health", "--url", "http://localhost:7000"],
        &["health", "--url", "localhost"],
        &["health", "--ca", "/nonexistent/ca.pem"],
        &["health", "--token-file", "/nonexistent/token"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_ca_file_without_a_certificate_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = run(&["health", "--ca", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "simrelay: the --ca file holds no certificate in PEM form\n"
    );
}

#[test]
fn a_reader_that_leaves_early_hears_no_complaint() {
    let mut child = simrelay(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_new_token_opens_the_hash_that_is_printed_with_it() {
    let output = run(&[
        "token",
        "new",
        "--id",
        "ops",
        "--scope",
        "send,fetch",
        "--sim",
        "sim1",
        "--json",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (id, secret) = made["token"].as_str().unwrap().split_once('.').unwrap();
    assert_eq!(id, "ops");
    assert!(bcrypt::verify(secret, made["hash"].as_str().unwrap()).unwrap());
    let entry: toml::Table = toml::from_str(made["toml"].as_str().unwrap()).unwrap();
    let entry = &entry["api"]["tokens"][0];
    assert_eq!(entry["hash"].as_str(), made["hash"].as_str());
    assert_eq!(entry["scopes"][1].as_str(), Some("fetch"));
    assert_eq!(entry["sims"][0].as_str(), Some("sim1"));

    let hashed = hash_of(made["token"].as_str().unwrap());
    assert!(bcrypt::verify(secret, hashed.trim()).unwrap());
}

#[test]
fn the_lines_that_a_new_token_prints_are_a_right_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("simrelay.toml");
    let printed = stdout(&run(&["token", "new", "--scope", "admin", "--per-minute", "60"]));
    fs::write(&file, printed.split("(mode 600 or 640):").nth(1).unwrap()).unwrap();
    let check = || run(&["config", "check", file.to_str().unwrap()]);
    let refused = check();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stdout(&refused).contains("it is open to others than its owner and its group"),
        "{}",
        stdout(&refused)
    );
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let right = check();
    assert_eq!(stdout(&right), format!("{} is right\n", file.display()));
}

#[test]
fn an_unknown_scope_and_a_short_secret_are_refused() {
    assert_eq!(run(&["token", "new", "--scope", "everything"]).status.code(), Some(2));
    assert_eq!(
        run(&["token", "new", "--id", "a b", "--scope", "send"]).status.code(),
        Some(2)
    );
    assert_eq!(hash_of("short"), "");
}

#[test]
fn every_fault_of_a_configuration_is_an_object_for_programs() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "[api]\nlisten = 'here'\n[pool]\nrescan = 5\n").unwrap();
    let output = run(&["config", "check", "--json", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let faults: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(faults[0]["key"], "api.listen");
    assert_eq!(faults[0]["line"], 2);
    assert_eq!(faults[0]["value"], "'here'");
    assert_eq!(faults[1]["key"], "pool.rescan");
    assert_eq!(faults[1]["right"], "did you mean 'rescan_s'?");
    assert_eq!(faults.as_array().unwrap().len(), 2);
}

#[test]
fn a_pdu_is_read_and_a_malformed_one_is_exit_code_2() {
    let pdu = "0001000B917228001011F100000CC8329BFD065DDF72363904";
    let output = run(&["pdu", "decode", pdu, "--json"]);
    assert!(output.status.success());
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["text"], "Hello World!");
    let output = run(&["--json", "pdu", "decode", "00"]);
    assert_eq!(output.status.code(), Some(2));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(read["error"]["message"].is_string());
}

/// What `token hash` prints for a token; nothing where it refuses.
fn hash_of(token: &str) -> String {
    let mut child = simrelay(&["token", "hash"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut stdin, token.as_bytes()).expect("it reads");
    drop(stdin);
    stdout(&child.wait_with_output().expect("it ends"))
}

/// A port of this machine that nobody listens on.
fn unused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
