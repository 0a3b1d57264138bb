//! Setting a modem up: profiles of real devices, and every fallback.

mod bench;

use bench::transcript::{Transcript, vectors};
use bench::{Bench, Partner, secs};
use message::SlotState;
use modem::Config;

/// Transcripts that hold a whole device, with what identity they tell.
const PROFILES: &[(&str, &str, &str)] = &[
    ("huawei_k3715", "111111111111111", "huawei"),
    ("wavecom_multiband_900e1800", "111111111111111", "sierra-wavecom"),
    ("qualcomm_m6280_zte", "111111111111111", "zte"),
    ("zte_k3565z", "111111111111111", "zte"),
    ("nokia_n79", "111111111111111", "generic"),
    ("modemmanager_generic_gsm", "123456789012345", "generic"),
    ("android_emulator", "000000000000000", "generic"),
    // Its log does not show the IMEI.
    ("huawei_unnamed_ussdmode", "", "huawei"),
];

#[test]
fn every_whole_transcript_is_set_up_and_tells_who_it_is() {
    let Some(folder) = vectors() else { return };
    for (name, imei, dialect) in PROFILES {
        let path = folder.join(format!("transcripts/{name}.jsonl"));
        // The emulator's table lists only fixed answers; these two it computes.
        let also: &[(&str, &str)] = match *name {
            "android_emulator" => &[
                ("AT", "OK\r"),
                ("ATE0", "OK\r"),
                ("AT+CMGF=0", "OK\r"),
                ("AT+CPIN?", "+CPIN: READY\rOK\r"),
            ],
            _ => &[("AT", "OK\r\n")],
        };
        let mut bench = Bench::new(Config::default(), Transcript::load(&path, also));
        bench.until_state(SlotState::Ready);
        let facts = bench.modem.facts();
        assert_eq!(
            facts.identity.imei.as_deref(),
            Some(*imei).filter(|imei| !imei.is_empty()),
            "{name}"
        );
        assert_eq!(facts.dialect, *dialect, "{name}");
        assert!(
            bench.now - bench.started < secs(60),
            "{name} took {:?}",
            bench.now - bench.started
        );
        assert_eq!(facts.counters.recoveries_total(), 0, "{name}");
    }
}

#[test]
fn a_modem_of_the_standards_is_ready_with_all_its_facts() {
    let mut bench = Bench::new(Config::default(), Partner::new());
    bench.until_state(SlotState::Ready);
    let facts = bench.modem.facts();
    assert_eq!(facts.identity.maker.as_deref(), Some("Acme"));
    assert_eq!(facts.sim.iccid.as_deref(), Some("8949000000000000001"));
    assert_eq!(facts.sim.imsi.as_deref(), Some("262010000000001"));
    assert_eq!(facts.sim.number.as_deref(), Some("+491701234567"));
    assert_eq!(facts.operator.as_deref(), Some("Acme Mobile"));
    assert_eq!(facts.signal_dbm, Some(-79));
    assert_eq!(facts.smsc.as_deref(), Some("+491710760000"));
    assert!(facts.reports);
}
