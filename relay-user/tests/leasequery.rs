//! Recovery by leasequery against servers that are a table each: how fast they are asked, what becomes of their answers, and
//! of their silence.

#[path = "leasequery/answers.rs"]
mod answers;
#[path = "leasequery/demand.rs"]
mod demand;
#[path = "clients/event.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod event;
#[path = "leasequery/scan.rs"]
mod scan;
#[path = "leasequery/stage.rs"]
mod stage;
