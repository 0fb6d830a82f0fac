//! The slow path's sockets against the real kernel: frames on veth pairs between network namespaces. Needs root.

#[path = "socket/frames.rs"]
mod frames;
#[path = "socket/lab.rs"]
mod lab;

#[path = "socket/fragments.rs"]
mod fragments;
#[path = "socket/frames_in.rs"]
mod frames_in;
#[path = "socket/frames_out.rs"]
mod frames_out;
#[path = "socket/port_life.rs"]
mod port_life;
#[path = "socket/privileges.rs"]
mod privileges;
#[path = "socket/servers.rs"]
mod servers;
#[path = "socket/speed.rs"]
mod speed;
