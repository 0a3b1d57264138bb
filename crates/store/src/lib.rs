//! Every message, part, attempt, report and delivery, durable.
