//! Whether an XDP program on a device sees the VLAN tags of frames, or gets the frames without them.
//!
//! With `rx-vlan-hw-parse` a network card takes the tag out and says it beside the frame, where only a kfunc of Linux 6.8 for
//! programs bound to one device can read it. The packet sockets of the slow path are told (`PACKET_AUXDATA`). What cannot
//! be told apart in XDP must not be relayed there: a request from a VLAN looks like one without a tag.

use super::{Ethtool, Offloads};

/// The offloads that take tags out, and what to switch them by.
const STRIPPING: [(&str, &str); 2] =
    [("rx-vlan-hw-parse", "rxvlan"), ("rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse")];

/// Where the tags of received frames are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// In the frame, for XDP to see.
    InFrame,
    /// Beside it.
    Beside(Hidden),
    /// In the frame or beside it, as the sender likes: a veth hands over what its other end sends.
    Unknown(Hidden),
}

/// Why tags are not seen, and what would show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// For an operator.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

impl Tags {
    /// Of a device of this kind (`IFLA_INFO_KIND`). For a bond, ask for each of its ports.
    pub fn of(name: &str, kind: Option<&str>, offloads: Option<&Offloads>) -> Self {
        if matches!(kind, Some("bridge" | "team")) {
            return Self::Beside(Hidden {
                cause: format!("what the ports of {name} hand up to it has its tag beside the frame"),
                remedy: format!(
                    "name the VLAN device of each VLAN (`ip link add link {name} name {name}.100 type vlan id 100`), \
                     for untagged clients too"
                ),
            });
        }
        let stripping: Vec<_> =
            STRIPPING.into_iter().filter(|(name, _)| offloads.is_none_or(|has| has.on(name))).collect();
        if stripping.is_empty() {
            return Self::InFrame;
        }
        let words: Vec<String> = stripping.iter().map(|(_, word)| format!("{word} off")).collect();
        let switch = format!("ethtool -K {name} {}", words.join(" "));
        if kind == Some("veth") {
            return Self::Unknown(Hidden {
                cause: format!("the other end of {name} may send tags beside the frames"),
                remedy: format!(
                    "at the other end `ethtool -K PEER txvlan off tx-vlan-stag-hw-insert off`, and then here, to say \
                     so, `{switch}`"
                ),
            });
        }
        let Some(offloads) = offloads else {
            return Self::Unknown(Hidden {
                cause: format!("whether {name} takes tags out of frames is not known"),
                remedy: format!("`{switch}`"),
            });
        };
        let fixed = stripping.iter().any(|(name, _)| !offloads.changeable(name));
        Self::Beside(Hidden {
            cause: format!("{name} takes the tags out of frames before XDP sees them"),
            remedy: if fixed {
                "its driver cannot be told not to: set relay.fast_path = \"prefer\", and it goes by the slow path"
                    .to_owned()
            } else {
                format!("`{switch}`")
            },
        })
    }

    /// As [`Self::of`], with the offloads as they are now.
    pub fn now(name: &str, kind: Option<&str>, ifindex: u32, ethtool: Option<&mut Ethtool>) -> Self {
        let offloads = ethtool.and_then(|ethtool| match ethtool.offloads(ifindex) {
            Ok(offloads) => Some(offloads),
            Err(error) => {
                tracing::debug!(port = name, "its offloads are not known: {error}");
                None
            }
        });
        Self::of(name, kind, offloads.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Option<&str>, active: &[&str], changeable: &[&str]) -> Tags {
        let offloads = Offloads::new(active.iter().copied(), changeable.iter().copied());
        Tags::of("eth1", kind, Some(&offloads))
    }

    fn hidden(tags: Tags) -> Hidden {
        match tags {
            Tags::Beside(hidden) => hidden,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_card_that_takes_tags_out_is_told_not_to_where_its_driver_can() {
        const BOTH: [&str; 2] = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"];
        assert_eq!(of(None, &[], &BOTH), Tags::InFrame);
        assert_eq!(hidden(of(None, &BOTH[..1], &BOTH)).remedy, "`ethtool -K eth1 rxvlan off`");
        let both = hidden(of(None, &BOTH, &BOTH));
        assert_eq!(both.remedy, "`ethtool -K eth1 rxvlan off rx-vlan-stag-hw-parse off`");
        assert!(hidden(of(None, &BOTH[..1], &[])).remedy.contains("prefer"));
    }

    #[test]
    fn a_veth_hands_over_what_its_other_end_sends_unless_somebody_says_better() {
        assert!(matches!(of(Some("veth"), &["rx-vlan-hw-parse"], &[]), Tags::Unknown(_)));
        assert_eq!(of(Some("veth"), &[], &[]), Tags::InFrame);
    }

    #[test]
    fn a_bridge_never_shows_tags() {
        assert!(hidden(of(Some("bridge"), &[], &[])).remedy.contains("VLAN device"));
    }
}
