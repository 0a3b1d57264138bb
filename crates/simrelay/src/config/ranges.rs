//! What numbers a key takes, for a value that its type alone refuses: the type's range is wider than the key's.

/// What to write, as `1024 to 4294967295`; nothing for keys that take what their type does.
pub(super) fn of(key: &str) -> Option<String> {
    if let Some(limit) = key.strip_prefix("api.limits.") {
        let (_, least) = api::LEAST_LIMITS.iter().find(|(name, _)| *name == limit)?;
        return Some(format!("{least} to {}", u32::MAX));
    }
    let (_, range) = RANGES.iter().find(|(known, _)| fits(known, key))?;
    Some((*range).to_owned())
}

/// `*` stands for the name of a slot.
fn fits(known: &str, key: &str) -> bool {
    match known.split_once('*') {
        Some((before, after)) => {
            let name = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            name.is_some_and(|name| !name.is_empty())
        }
        None => known == key,
    }
}

const RANGES: [(&str, &str); 22] = [
    ("api.failures_per_minute", "1 to 4294967295"),
    ("api.xml_rpc.get_sms_s", "1 to 4294967295"),
    ("gateway.validity_s", "300 (5 minutes) to 38102400 (63 weeks)"),
    ("gateway.max_attempts", "1 to 4294967295"),
    ("gateway.concat_bits", "8 or 16"),
    ("pool.rescan_s", "1 to 65535"),
    ("pool.probe_s", "3 to 65535"),
    ("slots.*.baud", "one of the usual rates, most often 115200"),
    ("slots.*.limits.month_starts_on", "1 to 28"),
    ("slots.*.limits.per_minute", "1 to 4294967295"),
    ("slots.*.limits.per_hour", "1 to 4294967295"),
    ("slots.*.limits.per_day", "1 to 4294967295"),
    ("slots.*.limits.per_month", "1 to 4294967295"),
    ("slots.*.limits.recipients_per_month", "1 to 4294967295"),
    ("slots.*.cost_micros", "0 to 9223372036854775807"),
    ("upstreams.*.limits.month_starts_on", "1 to 28"),
    ("upstreams.*.limits.per_minute", "1 to 4294967295"),
    ("upstreams.*.limits.per_hour", "1 to 4294967295"),
    ("upstreams.*.limits.per_day", "1 to 4294967295"),
    ("upstreams.*.limits.per_month", "1 to 4294967295"),
    ("upstreams.*.cost_micros", "0 to 9223372036854775807"),
    ("attendance.window_s", "1 or more"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_the_keys_and_not_its_types() {
        assert_eq!(of("api.limits.body_bytes").as_deref(), Some("1024 to 4294967295"));
        assert_eq!(of("slots.sim1.limits.month_starts_on").as_deref(), Some("1 to 28"));
        assert_eq!(of("log.level"), None);
        assert_eq!(of("api.limits.nothing"), None);
    }
}
