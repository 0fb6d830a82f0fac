//! The client table: its rules one at a time, and random dialogues against a model.

#[path = "clients/belief.rs"]
mod belief;
#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/entries.rs"]
mod entries;
#[path = "clients/event.rs"]
mod event;
#[path = "clients/leases.rs"]
mod leases;
#[path = "clients/model.rs"]
mod model;
#[path = "clients/property.rs"]
mod property;
#[path = "clients/world.rs"]
mod world;
