//! The choice itself.

use std::borrow::Cow;
use std::cmp::Reverse;

use jiff::Timestamp;
use message::{Level, Number, RouteExplanation, RouteId, RouteVerdict};

use crate::config::Match;
use crate::{RouteConfig, RoutingConfig};

/// What is to be routed.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The recipient.
    pub to: &'a Number,
    /// The sender the caller asked for.
    pub from: Option<&'a RouteId>,
    /// Whether `from` binds.
    pub strict: bool,
    /// The route the recipient wrote to last, where replies stick.
    pub sticky: Option<&'a RouteId>,
    /// Routes that said they cannot carry this message.
    pub excluded: &'a [RouteId],
    /// The routes the caller's token may use; `None`: all.
    pub allowed: Option<&'a [RouteId]>,
}

/// What is known of one route now.
#[derive(Debug, Clone)]
pub struct RouteFacts<'a> {
    /// Which.
    pub id: &'a RouteId,
    /// Its settings.
    pub config: &'a RouteConfig,
    /// Why it cannot send at all (locked, absent, no network); `None`: it can.
    pub obstacle: Option<&'a str>,
    /// Its health.
    pub health: Level,
    /// A limit that is reached for this recipient, in words, with the time it frees.
    pub limit: Option<(String, Timestamp)>,
    /// Parts waiting or in flight on it.
    pub load: usize,
    /// How many parts it takes at once; at least one.
    pub at_once: usize,
    /// When it was used last.
    pub last_used: Option<Timestamp>,
}

/// What comes of an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This one, at this cost per part.
    Take {
        /// The route.
        route: RouteId,
        /// Millionths of the currency.
        cost_micros: i64,
    },
    /// None now; some later.
    Wait {
        /// Not before this time, where it is known; else when something changes.
        until: Option<Timestamp>,
        /// Why, for people.
        reason: String,
    },
    /// None ever, as things are configured.
    Refuse {
        /// Why, for people.
        reason: String,
    },
}

/// Chooses the route for `ask`.
pub fn choose(ask: &Ask<'_>, routes: &[RouteFacts<'_>], config: &RoutingConfig) -> Decision {
    let number = ask.to.to_string();
    let mut best: Option<(Rank, &RouteFacts<'_>, i64)> = None;
    for route in routes {
        let Standing::Usable(found) = standing(ask, route, &number, config) else {
            continue;
        };
        let rank = rank(ask, route, &found, config);
        if best.as_ref().is_none_or(|(least, ..)| rank < *least) {
            best = Some((rank, route, found.cost_micros));
        }
    }
    match best {
        Some((_, route, cost_micros)) => Decision::Take {
            route: route.id.clone(),
            cost_micros,
        },
        None => no_route(ask, routes, &number, config),
    }
}

/// Tells for every route whether it would carry `ask`, and why, best first.
pub fn explain(ask: &Ask<'_>, routes: &[RouteFacts<'_>], config: &RoutingConfig) -> RouteExplanation {
    let number = ask.to.to_string();
    let (chosen, refusal) = match choose(ask, routes, config) {
        Decision::Take { route, .. } => (Some(route), None),
        Decision::Wait { reason, .. } | Decision::Refuse { reason } => (None, Some(reason)),
    };
    let mut ranked: Vec<(bool, Option<Rank>, RouteVerdict)> = Vec::with_capacity(routes.len());
    for route in routes {
        let standing = standing(ask, route, &number, config);
        let rank = match &standing {
            Standing::Usable(found) => Some(rank(ask, route, found, config)),
            _ => None,
        };
        ranked.push((rank.is_none(), rank, verdict(route, &standing, chosen.as_ref())));
    }
    ranked.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let routes = ranked.into_iter().map(|(_, _, verdict)| verdict).collect();
    RouteExplanation {
        to: ask.to.clone(),
        chosen,
        refusal,
        routes,
    }
}

/// Lower is better, field by field.
type Rank = (Reverse<bool>, Reverse<usize>, i64, usize, Option<Timestamp>);

/// How a route stands towards one recipient.
enum Standing<'a> {
    Usable(Match<'a>),
    /// Not now: it may change by itself or by an operator's hand.
    Later(Cow<'a, str>, Option<Timestamp>),
    /// Not as configured, or not for this message.
    Never(&'static str),
}

fn standing<'a>(ask: &Ask<'_>, route: &'a RouteFacts<'_>, number: &'a str, config: &RoutingConfig) -> Standing<'a> {
    if ask.allowed.is_some_and(|allowed| !allowed.contains(route.id)) {
        return Standing::Never("the token may not use it");
    }
    let asked_for = ask.from == Some(route.id);
    if ask.from.is_some() && ask.strict && !asked_for {
        return Standing::Never("another sender was asked for");
    }
    if ask.excluded.contains(route.id) {
        return Standing::Never("it said that it cannot carry this message");
    }
    if route.config.only_explicit && !asked_for {
        return Standing::Never("it is used only when asked for by name");
    }
    let found = match config.least_cost_any_prefix {
        true => route.config.cheapest_match(number),
        false => route.config.longest_match(number),
    };
    // An explicit sender carries any number: the caller has decided.
    let found = found.or(asked_for.then_some(Match {
        prefix: "",
        cost_micros: route.config.cost_micros,
    }));
    let Some(found) = found else {
        return Standing::Never("none of its prefixes matches");
    };
    if let Some(obstacle) = route.obstacle {
        return Standing::Later(obstacle.into(), None);
    }
    if route.health == Level::Critical {
        return Standing::Later("its health is CRITICAL".into(), None);
    }
    match &route.limit {
        Some((limit, until)) => Standing::Later(limit.as_str().into(), Some(*until)),
        None => Standing::Usable(found),
    }
}

fn rank(ask: &Ask<'_>, route: &RouteFacts<'_>, found: &Match<'_>, config: &RoutingConfig) -> Rank {
    let preferred = ask.from == Some(route.id) || (ask.from.is_none() && ask.sticky == Some(route.id));
    let length = if config.least_cost_any_prefix {
        0
    } else {
        found.prefix.len()
    };
    (
        Reverse(preferred),
        Reverse(length),
        found.cost_micros,
        // How often it has to be done with what it takes at once before this one begins.
        route.load / route.at_once.max(1),
        route.last_used,
    )
}

fn verdict(route: &RouteFacts<'_>, standing: &Standing<'_>, chosen: Option<&RouteId>) -> RouteVerdict {
    let (usable, prefix, cost_micros, why) = match standing {
        Standing::Usable(found) => {
            let prefix = (!found.prefix.is_empty()).then(|| found.prefix.to_owned());
            (true, prefix, found.cost_micros, usable_words(route, found, chosen))
        }
        Standing::Later(why, Some(until)) => (
            false,
            None,
            route.config.cost_micros,
            format!("{why}, until {until:.0}"),
        ),
        Standing::Later(why, None) => (false, None, route.config.cost_micros, why.to_string()),
        Standing::Never(why) => (false, None, route.config.cost_micros, (*why).to_owned()),
    };
    RouteVerdict {
        route: route.id.clone(),
        usable,
        prefix,
        cost_micros,
        why,
    }
}

fn usable_words(route: &RouteFacts<'_>, found: &Match<'_>, chosen: Option<&RouteId>) -> String {
    let prefix = match found.prefix {
        "" => "serves every number".to_owned(),
        prefix => format!("prefix {prefix} matches"),
    };
    let place = if chosen == Some(route.id) {
        "chosen"
    } else {
        "usable, but another one ranks before it"
    };
    let cost = found.cost_micros as f64 / 1e6;
    format!("{place}: {prefix}, cost {cost}, {} waiting on it", route.load)
}

/// Nothing usable: whether to wait, and for what.
fn no_route(ask: &Ask<'_>, routes: &[RouteFacts<'_>], number: &str, config: &RoutingConfig) -> Decision {
    if routes.is_empty() {
        return Decision::Refuse {
            reason: "no SIM is configured: add a [slots.NAME], or an [upstreams.NAME], to the configuration".into(),
        };
    }
    let mut later: Option<(Option<Timestamp>, String)> = None;
    let mut never = Vec::new();
    for route in routes {
        match standing(ask, route, number, config) {
            Standing::Usable(_) => {}
            Standing::Later(why, until) => {
                let reason = format!("{}: {why}", route.id);
                later = Some(match later {
                    Some((first, words)) => (sooner(first, until), format!("{words}; {reason}")),
                    None => (until, reason),
                });
            }
            Standing::Never(why) => never.push(format!("{}: {why}", route.id)),
        }
    }
    match later {
        Some((until, reason)) => Decision::Wait { until, reason },
        None => Decision::Refuse {
            reason: never.join("; "),
        },
    }
}

/// The earlier of two times; none means "when something changes", which may be at once.
fn sooner(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrefixCost;

    struct Bench {
        ids: Vec<RouteId>,
        configs: Vec<RouteConfig>,
    }

    fn config(prefixes: &[(&str, i64)]) -> RouteConfig {
        let prefixes = prefixes
            .iter()
            .map(|(prefix, cost)| PrefixCost {
                prefix: (*prefix).into(),
                cost_micros: Some(*cost),
            })
            .collect();
        RouteConfig {
            prefixes,
            ..Default::default()
        }
    }

    impl Bench {
        fn new(configs: Vec<RouteConfig>) -> Self {
            let ids = (0..configs.len()).map(|n| RouteId::new(&format!("sim-{n}"))).collect();
            Self { ids, configs }
        }

        fn facts(&self) -> Vec<RouteFacts<'_>> {
            self.ids
                .iter()
                .zip(&self.configs)
                .map(|(id, config)| facts(id, config))
                .collect()
        }
    }

    fn facts<'a>(id: &'a RouteId, config: &'a RouteConfig) -> RouteFacts<'a> {
        RouteFacts {
            id,
            config,
            obstacle: None,
            health: Level::Ok,
            limit: None,
            load: 0,
            at_once: 1,
            last_used: None,
        }
    }

    fn ask(to: &Number) -> Ask<'_> {
        Ask {
            to,
            from: None,
            strict: true,
            sticky: None,
            excluded: &[],
            allowed: None,
        }
    }

    fn taken(decision: Decision) -> String {
        match decision {
            Decision::Take { route, .. } => route.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn german() -> Number {
        Number::International("491711234567".into())
    }

    #[test]
    fn the_longest_prefix_wins_even_when_it_costs_more() {
        let bench = Bench::new(vec![config(&[("+49", 10)]), config(&[("+49171", 90)])]);
        let (to, rules) = (german(), RoutingConfig::default());
        assert_eq!(taken(choose(&ask(&to), &bench.facts(), &rules)), "sim-1");
        let smsgate = RoutingConfig {
            least_cost_any_prefix: true,
            ..Default::default()
        };
        assert_eq!(taken(choose(&ask(&to), &bench.facts(), &smsgate)), "sim-0");
    }

    #[test]
    fn among_equals_cost_then_load_then_rest_decide() {
        let bench = Bench::new(vec![
            config(&[("+49", 20)]),
            config(&[("+49", 10)]),
            config(&[("+49", 10)]),
        ]);
        let (to, rules) = (german(), RoutingConfig::default());
        let mut routes = bench.facts();
        routes[1].load = 3;
        assert_eq!(taken(choose(&ask(&to), &routes, &rules)), "sim-2");
        routes[1].load = 0;
        routes[2].last_used = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(taken(choose(&ask(&to), &routes, &rules)), "sim-1");
    }

    #[test]
    fn an_unusable_route_is_passed_over_and_waited_for_when_it_is_the_only_one() {
        let bench = Bench::new(vec![config(&[("+49171", 1)]), config(&[("+49", 1)])]);
        let (to, rules) = (german(), RoutingConfig::default());
        let mut routes = bench.facts();
        routes[0].obstacle = Some("the SIM is locked");
        assert_eq!(taken(choose(&ask(&to), &routes, &rules)), "sim-1");
        routes[1].health = Level::Critical;
        let Decision::Wait { until: None, reason } = choose(&ask(&to), &routes, &rules) else {
            panic!("waits")
        };
        assert_eq!(reason, "sim-0: the SIM is locked; sim-1: its health is CRITICAL");
    }

    #[test]
    fn an_explicit_sender_is_strict_unless_the_call_says_otherwise() {
        let bench = Bench::new(vec![config(&[]), config(&[])]);
        let (to, rules, from) = (german(), RoutingConfig::default(), RouteId::new("sim-1"));
        let mut routes = bench.facts();
        routes[1].obstacle = Some("absent");
        let strict = Ask {
            from: Some(&from),
            ..ask(&to)
        };
        assert!(matches!(choose(&strict, &routes, &rules), Decision::Wait { .. }));
        let loose = Ask {
            strict: false,
            ..strict
        };
        assert_eq!(taken(choose(&loose, &routes, &rules)), "sim-0");
    }

    #[test]
    fn a_reply_sticks_to_the_sim_that_was_written_to() {
        let bench = Bench::new(vec![config(&[("+49171", 1)]), config(&[("+49", 9)])]);
        let (to, rules, sticky) = (german(), RoutingConfig::default(), RouteId::new("sim-1"));
        let sticky = Ask {
            sticky: Some(&sticky),
            ..ask(&to)
        };
        assert_eq!(taken(choose(&sticky, &bench.facts(), &rules)), "sim-1");
    }

    #[test]
    fn a_number_nobody_serves_is_refused_with_every_reason() {
        let bench = Bench::new(vec![config(&[("+43", 1)])]);
        let to = german();
        let Decision::Refuse { reason } = choose(&ask(&to), &bench.facts(), &RoutingConfig::default()) else {
            panic!("refused")
        };
        assert_eq!(reason, "sim-0: none of its prefixes matches");
    }

    #[test]
    fn a_reached_limit_waits_until_it_frees() {
        let bench = Bench::new(vec![config(&[])]);
        let to = german();
        let mut routes = bench.facts();
        routes[0].limit = Some(("10 parts a minute are used up".into(), Timestamp::UNIX_EPOCH));
        let decision = choose(&ask(&to), &routes, &RoutingConfig::default());
        let Decision::Wait { until, .. } = decision else {
            panic!("waits")
        };
        assert_eq!(until, Some(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn the_explanation_names_every_route_best_first() {
        let bench = Bench::new(vec![
            config(&[("+43", 1)]),
            config(&[("+49", 20_000)]),
            config(&[("+49", 10_000)]),
        ]);
        let to = german();
        let told = explain(&ask(&to), &bench.facts(), &RoutingConfig::default());
        let order: Vec<_> = told.routes.iter().map(|verdict| verdict.route.as_str()).collect();
        assert_eq!(order, ["sim-2", "sim-1", "sim-0"]);
        assert_eq!(
            told.routes[0].why,
            "chosen: prefix +49 matches, cost 0.01, 0 waiting on it"
        );
        assert_eq!(told.routes[2].why, "none of its prefixes matches");
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_can_be_taken_and_nothing_better_is_left(
            routes in proptest::collection::vec((0..4usize, 0..3i64, 0..3usize, proptest::bool::ANY), 0..6),
            least_cost_any_prefix in proptest::bool::ANY,
        ) {
            let prefixes = ["", "+4", "+49", "+43"];
            let bench = Bench::new(routes.iter().map(|(prefix, cost, ..)| config(&[(prefixes[*prefix], *cost)])).collect());
            let mut told = bench.facts();
            for (facts, (_, _, load, usable)) in told.iter_mut().zip(&routes) {
                facts.load = *load;
                facts.obstacle = (!usable).then_some("away");
            }
            let (to, rules) = (german(), RoutingConfig { least_cost_any_prefix, ..Default::default() });
            let usable = |(prefix, _, _, usable): &&(usize, i64, usize, bool)| *usable && *prefix != 3;
            match choose(&ask(&to), &told, &rules) {
                Decision::Take { route, cost_micros } => {
                    let at = bench.ids.iter().position(|id| *id == route).expect("one of them");
                    let taken = &routes[at];
                    proptest::prop_assert!(usable(&taken));
                    proptest::prop_assert_eq!(cost_micros, taken.1);
                    let rank = |route: &(usize, i64, usize, bool)| {
                        let length = if least_cost_any_prefix { 0 } else { prefixes[route.0].len() };
                        (Reverse(length), route.1, route.2)
                    };
                    let best = routes.iter().filter(usable).map(rank).min();
                    proptest::prop_assert_eq!(best, Some(rank(taken)));
                }
                Decision::Wait { .. } | Decision::Refuse { .. } => {
                    proptest::prop_assert!(!routes.iter().any(|route| usable(&route)));
                }
            }
        }
    }
}
