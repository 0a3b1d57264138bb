//! The file speaks of slots; the parts speak of ports, of routes and of PIN files.
//!
//! A person who sets up a SIM wants everything of it in one place, `[slots.sim1]`. The parts' own settings are maps of
//! their own: which port and modem (`pool.slots`), which numbers and at what cost (`routes`), its balance and tests
//! (`care`), where its PIN lies (`pin_files`). Here each key of a slot goes to its part. An upstream, `[upstreams.phone]`,
//! is a route as well: how it is reached stays there, and the rest goes to `upstream_routes`.

use std::sync::LazyLock;

use config::{Value, ValueKind};
use gateway::SlotCare;
use router::RouteConfig;
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Step;
use super::words::Keys;

/// A tree of values: a file's, or one that the environment was laid over.
pub(super) trait Tree: Sized {
    /// An empty table that stands where this value does.
    fn table_here(&self) -> Self;
    /// The keys of a table; none for other values.
    fn keys(&self) -> Vec<String>;
    /// Takes a member out of a table.
    fn take(&mut self, key: &str) -> Option<Self>;
    /// The member of a table, made where it is missing; nothing where this is no table.
    fn member(&mut self, key: &str) -> Option<&mut Self>;
    /// Puts a value in a table's member.
    fn put(&mut self, key: &str, value: Self);
}

/// Gives each key of each slot and upstream to its part.
pub(super) fn part<T: Tree>(root: &mut T) {
    part_upstreams(root);
    let Some(mut slots) = root.take("slots") else { return };
    for name in slots.keys() {
        let Some(mut slot) = slots.take(&name) else { continue };
        let route = take_route(&mut slot);
        let mut care = slot.table_here();
        for key in CARE_KEYS.iter() {
            if let Some(value) = slot.take(key) {
                care.put(key, value);
            }
        }
        let pin_file = slot.take(PIN_FILE);
        if let (Some(files), Some(file)) = (root.member("pin_files"), pin_file) {
            files.put(&name, file);
        }
        if let Some(routes) = root.member("routes") {
            routes.put(&name, route);
        }
        if let Some(cares) = root.member("care") {
            cares.put(&name, care);
        }
        slots.put(&name, slot);
    }
    if let Some(pool) = root.member("pool") {
        pool.put("slots", slots);
    }
}

fn part_upstreams<T: Tree>(root: &mut T) {
    let Some(mut upstreams) = root.take("upstreams") else {
        return;
    };
    for name in upstreams.keys() {
        let Some(mut upstream) = upstreams.take(&name) else {
            continue;
        };
        let route = take_route(&mut upstream);
        if let Some(routes) = root.member("upstream_routes") {
            routes.put(&name, route);
        }
        upstreams.put(&name, upstream);
    }
    root.put("upstreams", upstreams);
}

/// The keys of a route among those of a slot or an upstream.
fn take_route<T: Tree>(table: &mut T) -> T {
    let mut route = table.table_here();
    for key in ROUTE_KEYS.iter() {
        if let Some(value) = table.take(key) {
            route.put(key, value);
        }
    }
    route
}

/// How the keys of a table in the file differ from those of its part; `table` is the way to it.
pub(super) fn keys_of(table: &[Step]) -> Keys {
    let words: Vec<&str> = table.iter().filter_map(Step::key).collect();
    let mut keys = Keys::default();
    match words[..] {
        [] => {
            keys = Keys {
                also: vec!["slots"],
                never: vec!["routes", "upstream_routes", "care", "pin_files"],
            }
        }
        ["upstreams", _] => keys.also = ROUTE_KEYS.iter().map(String::as_str).collect(),
        ["pool"] => keys.never = vec!["slots"],
        ["slots", _] => {
            let keys_of_parts = ROUTE_KEYS.iter().chain(CARE_KEYS.iter()).map(String::as_str);
            keys.also = keys_of_parts.chain([PIN_FILE]).collect();
        }
        _ => {}
    }
    keys
}

/// A key as a part calls it, as the file has it: `pool.slots.sim1.port` is `slots.sim1.port` there.
pub(super) fn in_file(key: &str) -> String {
    if let Some(slot) = key.strip_prefix("pin_files.") {
        return format!("slots.{slot}.{PIN_FILE}");
    }
    if let Some(upstream) = key.strip_prefix("upstream_routes.") {
        return format!("upstreams.{upstream}");
    }
    let slot = ["pool.slots.", "routes.", "care."]
        .iter()
        .find_map(|part| key.strip_prefix(part));
    slot.map_or_else(|| key.to_owned(), |slot| format!("slots.{slot}"))
}

impl Tree for Spanned<DeValue<'_>> {
    fn table_here(&self) -> Self {
        Self::new(self.span(), DeValue::Table(DeTable::new()))
    }

    fn keys(&self) -> Vec<String> {
        match self.get_ref() {
            DeValue::Table(table) => table.keys().map(|key| key.get_ref().to_string()).collect(),
            _ => Vec::new(),
        }
    }

    fn take(&mut self, key: &str) -> Option<Self> {
        match self.get_mut() {
            DeValue::Table(table) => table.remove(key),
            _ => None,
        }
    }

    fn member(&mut self, key: &str) -> Option<&mut Self> {
        let here = self.table_here();
        if let DeValue::Table(table) = self.get_mut()
            && !table.contains_key(key)
        {
            table.insert(Spanned::new(here.span(), key.to_owned().into()), here);
        }
        match self.get_mut() {
            DeValue::Table(table) => table.get_mut(key),
            _ => None,
        }
    }

    fn put(&mut self, key: &str, value: Self) {
        if let DeValue::Table(table) = self.get_mut() {
            table.insert(Spanned::new(value.span(), key.to_owned().into()), value);
        }
    }
}

impl Tree for Value {
    fn table_here(&self) -> Self {
        Self::new(None, ValueKind::Table(config::Map::new()))
    }

    fn keys(&self) -> Vec<String> {
        match &self.kind {
            ValueKind::Table(table) => table.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn take(&mut self, key: &str) -> Option<Self> {
        match &mut self.kind {
            ValueKind::Table(table) => table.remove(key),
            _ => None,
        }
    }

    fn member(&mut self, key: &str) -> Option<&mut Self> {
        let here = self.table_here();
        match &mut self.kind {
            ValueKind::Table(table) => Some(table.entry(key.to_owned()).or_insert(here)),
            _ => None,
        }
    }

    fn put(&mut self, key: &str, value: Self) {
        if let ValueKind::Table(table) = &mut self.kind {
            table.insert(key.to_owned(), value);
        }
    }
}

/// The keys of a slot that are its route's, as the router's own settings have them.
static ROUTE_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| keys_in(&RouteConfig::default()));

/// Those that are about the care of its SIM, as the gateway has them.
static CARE_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| keys_in(&SlotCare::default()));

fn keys_in(settings: &impl Serialize) -> Vec<String> {
    let settings = serde_json::to_value(settings).unwrap_or_default();
    settings
        .as_object()
        .map_or_else(Vec::new, |keys| keys.keys().cloned().collect())
}

const PIN_FILE: &str = "pin_file";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_a_slot_goes_to_its_part() {
        let source = "[slots.sim1]\nport = '/dev/x'\ncost_micros = 7\npin_file = 'p'\nring = 2\nlimits.per_day = 5\n\
                      [slots.sim2]\nimei = '1'\n[upstreams.phone]\naddress = 'a:1'\ncost_micros = 9\n";
        let tree = DeTable::parse(source).unwrap();
        let mut tree = Spanned::new(tree.span(), DeValue::Table(tree.into_inner()));
        part(&mut tree);
        let told = format!("{:?}", plain(&tree));
        let expected = "{\"care\": {\"sim1\": {\"ring\": 2}, \"sim2\": {}}, \"pin_files\": {\"sim1\": p}, \"pool\": {\"slots\": {\"sim1\": {\"port\": /dev/x}, \"sim2\": {\"imei\": 1}}}, \
             \"routes\": {\"sim1\": {\"cost_micros\": 7, \"limits\": {\"per_day\": 5}}, \"sim2\": {}}, \
             \"upstream_routes\": {\"phone\": {\"cost_micros\": 9}}, \"upstreams\": {\"phone\": {\"address\": a:1}}}";
        assert_eq!(told.replace('\'', ""), expected);
    }

    #[test]
    fn a_slot_that_is_no_table_is_left_for_the_reader_to_refuse() {
        for source in [
            "slots = 1",
            "[slots]\nsim1 = 1",
            "[[slots]]\nname = 'sim1'",
            "pool = 1\n[slots.x]\nport = '/'",
        ] {
            let tree = DeTable::parse(source).unwrap();
            let mut tree = Spanned::new(tree.span(), DeValue::Table(tree.into_inner()));
            part(&mut tree);
        }
    }

    #[test]
    fn keys_are_told_as_the_file_has_them() {
        assert_eq!(in_file("pool.slots.sim1.port"), "slots.sim1.port");
        assert_eq!(
            in_file("routes.sim1.prefixes[0].prefix"),
            "slots.sim1.prefixes[0].prefix"
        );
        assert_eq!(in_file("upstream_routes.phone.limits"), "upstreams.phone.limits");
        assert_eq!(in_file("care.sim1.ring"), "slots.sim1.ring");
        assert_eq!(in_file("pin_files.sim1"), "slots.sim1.pin_file");
        assert_eq!(in_file("pool.rescan_s"), "pool.rescan_s");
    }

    /// A tree without its places.
    fn plain(tree: &Spanned<DeValue<'_>>) -> Plain {
        match tree.get_ref() {
            DeValue::Table(table) => Plain::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.get_ref().to_string(), plain(value)))
                    .collect(),
            ),
            DeValue::Integer(number) => Plain::Leaf(number.as_str().to_owned()),
            DeValue::String(text) => Plain::Leaf(text.to_string()),
            other => Plain::Leaf(format!("{other:?}")),
        }
    }

    enum Plain {
        Table(std::collections::BTreeMap<String, Plain>),
        Leaf(String),
    }

    impl std::fmt::Debug for Plain {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Table(table) => table.fmt(f),
                Self::Leaf(text) => f.write_str(text),
            }
        }
    }
}
