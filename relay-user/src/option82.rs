//! Option 82 of an interface as octets, and every form in which servers may send it back.
//!
//! Done once for each interface: the fast path only copies the octets and looks up the hash of what comes back.

use std::net::Ipv4Addr;

use relay_common::{
    abi::{Agent, AgentKey, AgentOwner, Brief},
    agent::{identity, whole},
    wire::bootp::agent,
};

use crate::config::{
    domain::{Numbering, Vss},
    resolved::ResolvedOption82,
};

/// The option 82 of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Sub-options in the order 1, 2, 5, 10, 11, 12, 151, 152; by Cisco's numbers 1, 2, 10, 12, 150, 152, 151.
    value: Vec<u8>,
    /// Offset in `value` of sub-option 10's octet.
    flags_at: Option<usize>,
    circuit_id: Vec<u8>,
    vss: Vec<u8>,
    /// Octets of virtual subnet selection at the end, sub-option 152 among them.
    tail: usize,
    /// Octets of sub-option 152 at the end, as VSS-control.
    control: usize,
}

/// What a server gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it: the server is not in the clients' VPN, or nobody knows.
    Far,
    /// All but virtual subnet selection.
    Near,
}

impl Encoded {
    /// Encodes; `address` is the interface's, for link selection (RFC 3527) and server identifier override (RFC 5107).
    pub fn new(option82: &ResolvedOption82, address: Ipv4Addr) -> Self {
        let vss = option82.vss.as_ref().map(virtual_subnet).unwrap_or_default();
        let mut encoded = Self {
            value: Vec::new(),
            flags_at: None,
            circuit_id: option82.circuit_id.clone().unwrap_or_default(),
            vss,
            tail: 0,
            control: 0,
        };
        if let Some(circuit_id) = &option82.circuit_id {
            encoded.push(agent::CIRCUIT_ID, circuit_id);
        }
        if let Some(remote_id) = &option82.remote_id {
            encoded.push(agent::REMOTE_ID, remote_id);
        }
        let cisco = option82.numbering == Numbering::Cisco;
        if option82.link_selection && !cisco {
            encoded.push(agent::LINK_SELECTION, &address.octets());
        }
        if option82.flags {
            encoded.push(agent::FLAGS, &[0]);
            encoded.flags_at = Some(encoded.value.len() - 1);
        }
        if option82.server_id_override && !cisco {
            encoded.push(agent::SERVER_ID_OVERRIDE, &address.octets());
        }
        if let Some(relay_id) = &option82.relay_id {
            encoded.push(agent::RELAY_ID, relay_id);
        }
        if option82.link_selection && cisco {
            encoded.push(agent::CISCO_LINK_SELECTION, &address.octets());
        }
        if option82.server_id_override && cisco {
            encoded.push(agent::CISCO_SERVER_ID_OVERRIDE, &address.octets());
        }
        if !encoded.vss.is_empty() {
            let vss = encoded.vss.clone();
            let before = encoded.value.len();
            encoded.push(agent::VSS, &vss);
            if option82.sends_control() {
                encoded.push(agent::VSS_CONTROL, &[]);
                encoded.control = 2;
            }
            encoded.tail = encoded.value.len() - before;
        }
        encoded
    }

    fn push(&mut self, code: u8, value: &[u8]) {
        self.value.push(code);
        // The configuration refuses an option that is longer than 255 octets, and with it a longer value.
        self.value.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.value.extend_from_slice(value);
    }

    /// What is inserted toward as many servers, of which bit i of `near` names those of [`Form::Near`]; `None` when there is
    /// nothing to say, or more than an option holds.
    pub fn agent(&self, near: u32, servers: usize) -> Option<(Agent, Brief)> {
        if self.tail != 0 && near.count_ones() as usize == servers {
            let value = self.of(Form::Near);
            return Agent::new(value, self.flags_at).map(|agent| (agent, Brief::new(&agent, value)));
        }
        // Most requests are broadcast, and a server that knows of VPNs takes sub-option 152 out.
        let answer = self.value.get(..self.value.len() - self.control)?;
        let mut agent = Agent::new(&self.value, self.flags_at)?;
        if self.tail != 0 && near != 0 {
            agent = agent.cut_for(near, self.tail);
        }
        Some((agent, Brief::new(&agent, answer)))
    }

    fn of(&self, form: Form) -> &[u8] {
        let tail = if form == Form::Near { self.tail } else { 0 };
        self.value.get(..self.value.len() - tail).unwrap_or_default()
    }

    /// Every way in which a server in the VRF of this routing table may send back what it got, with what that says of the
    /// interface `index`.
    pub fn owners(&self, index: u32, vrf: u32, form: Form, giaddr: Ipv4Addr) -> Vec<(AgentKey, AgentOwner)> {
        let entry = |hash, vss_ignored| {
            let key = AgentKey { hash, vrf, giaddr: giaddr.octets() };
            (key, AgentOwner { interface: index, vss_ignored })
        };
        let value = self.of(form);
        if value.is_empty() {
            return Vec::new();
        }
        let (vss, control) = match form {
            Form::Far => (&self.vss[..], self.control),
            Form::Near => (&[][..], 0),
        };
        let mut owners = vec![entry(identity(&self.circuit_id, vss), 0)];
        let mut forms = vec![value.to_vec()];
        if let Some(at) = self.flags_at {
            let mut unicast = value.to_vec();
            if let Some(flags) = unicast.get_mut(at) {
                *flags = agent::UNICAST;
            }
            forms.push(unicast);
        }
        for form in forms {
            if control == 0 {
                owners.push(entry(whole(&form), 0));
            } else {
                // Sub-option 152 is the last, two octets: a server that looked at the VPN takes it out.
                owners.push(entry(whole(&form), 1));
                owners.push(entry(whole(&form[..form.len() - control]), 0));
            }
        }
        owners
    }
}

/// The value of sub-option 151 (RFC 6607 section 4.1).
fn virtual_subnet(vss: &Vss) -> Vec<u8> {
    match vss {
        Vss::Name(name) => [&[0], name.as_bytes()].concat(),
        Vss::VpnId { oui, index } => {
            let [_, oui @ ..] = oui.to_be_bytes();
            [&[1][..], &oui, &index.to_be_bytes()].concat()
        }
        Vss::Global => vec![255],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::domain::Policy;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn plain() -> ResolvedOption82 {
        ResolvedOption82 {
            policy: Policy::Discard,
            trusted: false,
            circuit_id: Some(b"eth0.100".to_vec()),
            remote_id: Some(vec![2, 0, 0, 0, 0, 1]),
            link_selection: false,
            flags: false,
            server_id_override: false,
            relay_id: None,
            vss: None,
            numbering: Numbering::Rfc,
        }
    }

    fn hex(encoded: &Encoded) -> String {
        let (agent, _) = encoded.agent(0, 1).expect("there is something to say");
        agent.octets[..usize::from(agent.len)].iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn circuit_and_remote_id_alone_are_what_every_relay_sends() {
        let encoded = Encoded::new(&plain(), ADDRESS);
        assert_eq!(hex(&encoded), "52120108657468302e3130300206020000000001");
    }

    #[test]
    fn link_selection_flags_and_override_stand_in_the_order_of_their_codes() {
        let option82 =
            ResolvedOption82 { link_selection: true, flags: true, server_id_override: true, ..plain() };
        let encoded = Encoded::new(&option82, ADDRESS);
        assert_eq!(
            hex(&encoded),
            "52210108657468302e3130300206020000000001\
             0504c00002010a01000b04c0000201"
        );
        assert_eq!(
            encoded.owners(1, 0, Form::Far, ADDRESS).len(),
            3,
            "by identity, by broadcast, by unicast"
        );
    }

    #[test]
    fn a_vpn_is_named_by_text_by_identifier_or_as_the_global_one_with_152_behind() {
        let of = |vss| hex(&Encoded::new(&ResolvedOption82 { vss: Some(vss), ..plain() }, ADDRESS));
        assert!(of(Vss::Name("red".into())).ends_with("9704007265649800"));
        assert!(of(Vss::VpnId { oui: 4, index: 1 }).ends_with("970801000004000000019800"));
        assert!(of(Vss::Global).ends_with("9701ff9800"));
    }

    #[test]
    fn a_value_that_comes_back_with_152_is_known_as_one_whose_vpn_was_not_looked_at() {
        let encoded = Encoded::new(&ResolvedOption82 { vss: Some(Vss::Global), ..plain() }, ADDRESS);
        let owners = encoded.owners(7, 3, Form::Far, ADDRESS);
        assert_eq!(owners.iter().filter(|(_, owner)| owner.vss_ignored != 0).count(), 1);
        assert_eq!(owners.len(), 3);
    }

    #[test]
    fn by_cisco_s_numbers_152_is_the_override_and_a_vpn_goes_without_control() {
        let option82 = ResolvedOption82 {
            link_selection: true,
            flags: true,
            server_id_override: true,
            vss: Some(Vss::Name("red".into())),
            numbering: Numbering::Cisco,
            ..plain()
        };
        let encoded = Encoded::new(&option82, ADDRESS);
        let expected = "52270108657468302e31303002060200000000010a01009604c00002019804c0000201970400726564";
        assert_eq!(hex(&encoded), expected);
        assert_eq!(option82.encoded_len(), 0x27);
        let owners = encoded.owners(7, 3, Form::Far, ADDRESS);
        assert_eq!(owners.len(), 3);
        assert!(owners.iter().all(|(_, owner)| owner.vss_ignored == 0), "it comes back as it went");
    }

    fn with_vss(vss: Vss) -> Encoded {
        Encoded::new(&ResolvedOption82 { vss: Some(vss), flags: true, ..plain() }, ADDRESS)
    }

    #[test]
    fn servers_in_the_clients_vpn_get_all_but_virtual_subnet_selection() {
        let encoded = with_vss(Vss::Name("red".into()));
        let (agent, brief) = encoded.agent(0b101, 3).expect("an option");
        assert_eq!(agent.octets[..2], [82, 18 + 3 + 8]);
        assert_eq!((agent.cut.near, agent.cut.kept, agent.cut.tail), (0b101, 2 + 18 + 3, 8));
        assert_eq!((brief.answer, brief.last), (0, 0), "it depends on the server");
        let near = encoded.owners(7, 3, Form::Near, ADDRESS);
        assert_eq!(near.len(), 3, "by identity, by broadcast, by unicast");
        assert!(near.iter().all(|(_, owner)| owner.vss_ignored == 0), "there is nothing to ignore");
        let far = encoded.owners(7, 3, Form::Far, ADDRESS);
        assert!(near.iter().all(|(key, _)| far.iter().all(|(other, _)| key != other)), "no form is both");
    }

    #[test]
    fn a_group_that_is_all_in_the_clients_vpn_gets_the_one_form() {
        let agent = with_vss(Vss::Global).agent(0b11, 2).expect("an option");
        let plain = Encoded::new(&ResolvedOption82 { flags: true, ..plain() }, ADDRESS).agent(0, 2);
        assert_eq!(Some(agent), plain);
    }

    #[test]
    fn where_there_is_nothing_but_virtual_subnet_selection_near_servers_get_no_option() {
        let nothing = ResolvedOption82 { circuit_id: None, remote_id: None, ..plain() };
        let vss = ResolvedOption82 { vss: Some(Vss::Global), ..nothing };
        let encoded = Encoded::new(&vss, ADDRESS);
        assert_eq!(encoded.agent(0b1, 1), None);
        let (agent, _) = encoded.agent(0b1, 2).expect("an option for the other");
        assert_eq!((agent.cut.kept, agent.cut.tail), (0, 7));
        assert_eq!(encoded.owners(7, 3, Form::Near, ADDRESS), []);
    }

    #[test]
    fn nothing_to_say_is_no_option() {
        let nothing = ResolvedOption82 { circuit_id: None, remote_id: None, ..plain() };
        assert_eq!(Encoded::new(&nothing, ADDRESS).agent(0, 1), None);
    }
}
