//! The client table: its rules one at a time, and random dialogues against a model.

#[path = "clients/event.rs"]
mod event;
#[path = "clients/model.rs"]
mod model;
#[path = "clients/property.rs"]
mod property;
#[path = "clients/rules.rs"]
mod rules;
#[path = "clients/world.rs"]
mod world;
