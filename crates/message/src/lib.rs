//! The vocabulary of the gateway: ids, numbers, routes, messages, parts, events and outcomes.
