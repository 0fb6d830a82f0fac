//! The daemon is killed at any point while clients come, renew and go, and started again: its table is then that of one moment
//! not long before, and the routing table has a host route for each of these clients, none for others, and everything
//! that strangers had there. Ten times, each in another mode; `RELAY_KILLS` asks for more, `RELAY_SEED` for another course.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use relay_tests::churn::{ACK, RELEASE, REQUEST, Wires, from_client, mac, mac_text, server};
use relay_tests::generate::{Random, setting};
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::wait;
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::Filter;

const DEADLINE: Duration = Duration::from_secs(30);
const CLIENTS: u8 = 60;
/// What a killed daemon may lose (a commit every quarter of a second), and what a disk may add that others use too.
const LOST_AT_MOST: Duration = Duration::from_secs(10);
/// Clients whose address a stranger has a route for.
const STRANGERS: [u8; 2] = [7, 23];

/// Who holds which address, for how long.
type Model = BTreeMap<u8, (Ipv4Addr, u32)>;

/// One thing that has happened, or had begun to when the daemon was killed.
#[derive(Clone, Copy, Debug)]
struct Step {
    client: u8,
    /// What it holds then.
    holds: Option<(Ipv4Addr, u32)>,
    at: Instant,
}

fn applied(model: &Model, steps: &[Step]) -> Model {
    let mut model = model.clone();
    for step in steps {
        match step.holds {
            Some(lease) => model.insert(step.client, lease),
            None => model.remove(&step.client),
        };
    }
    model
}

/// Two addresses for each client, which it may change between.
fn address(client: u8, other: bool) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 60, 10 + client + if other { 100 } else { 0 })
}

struct Rig {
    network: Direct,
    wires: Wires,
    site: Site,
    xid: u32,
}

impl Rig {
    /// One step of a client, all of it or, with `cut`, only so many of its messages. What it leads to, if all of it counts.
    fn step(&mut self, random: &mut Random, model: &Model, cut: Option<usize>) -> Step {
        let client = random.between(1, usize::from(CLIENTS)) as u8;
        self.xid += 1;
        let xid = self.xid;
        if let Some((held, _)) = model.get(&client)
            && random.chance(35)
        {
            let mut release = from_client(client, RELEASE, xid).option(54, &server(0).octets());
            release.ciaddr = *held;
            if cut != Some(0) {
                self.wires.client_sends(&release).unwrap();
            }
            if cut.is_none() {
                self.wires.reaches(0, xid, RELEASE).unwrap();
            }
            return Step { client, holds: None, at: Instant::now() };
        }
        let lease = random.between(3600, 86_400) as u32;
        let address = match model.get(&client) {
            Some((held, _)) if random.chance(70) => *held,
            _ => address(client, random.chance(50)),
        };
        let step = || Step { client, holds: Some((address, lease)), at: Instant::now() };
        if cut.is_none() {
            self.wires.binds(client, xid, address, lease).unwrap();
            return step();
        }
        let request = from_client(client, REQUEST, xid).option(50, &address.octets());
        if cut >= Some(1) {
            self.wires.client_sends(&request).unwrap();
        }
        if cut >= Some(2) {
            self.wires.reaches(0, xid, REQUEST).unwrap();
            self.wires.server_sends(0, &self.wires.reply(0, &request, ACK, address, lease)).unwrap();
        }
        step()
    }

    /// The leases that the daemon has.
    fn table(&self) -> Model {
        let filter = Filter { state: Some("bound".into()), ..Filter::default() };
        let rows = self.site.leases(filter).unwrap().leases;
        let clients: BTreeMap<String, u8> = (1..=CLIENTS).map(|client| (mac_text(client), client)).collect();
        rows.into_iter()
            .map(|row| {
                assert_eq!((row.interface.as_str(), row.server), (EDGE, Some(server(0))), "{row:?}");
                let seconds = row.lease_seconds.unwrap();
                assert!(row.expires_in_seconds.unwrap() <= seconds.into(), "{row:?}");
                (clients[&row.mac.unwrap()], (row.address.unwrap(), seconds))
            })
            .collect()
    }

    /// Lines of a routing table or of neighbours that match.
    fn lines(&self, command: &str, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let text = self.network.relay.run(command).unwrap();
        text.lines().map(str::trim).filter(|line| wanted(line)).map(str::to_owned).collect()
    }

    fn strangers(&self) -> [BTreeSet<String>; 2] {
        [
            self.lines("ip -4 route show table main", |line| !line.contains("proto 82")),
            self.lines("ip -4 neigh show nud permanent", |line| !line.contains("proto 82")),
        ]
    }

    fn own_routes(&self) -> BTreeSet<Ipv4Addr> {
        self.lines("ip -4 route show table main proto 82", |_| true)
            .iter()
            .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
            .collect()
    }
}

#[test]
fn a_daemon_that_is_killed_amid_churn_finds_its_table_and_its_routes_again_and_leaves_strangers_alone() {
    let kills: u64 = setting("RELAY_KILLS", 10);
    let mut random = Random::new(setting("RELAY_SEED", 20_261_121));
    let network = Direct::new("kills", 1).unwrap();
    let wires = Wires::new(&network).unwrap();
    let site = Site::new(&network.relay).unwrap();
    for client in STRANGERS {
        let stranger = address(client, false);
        network.relay.run(&format!("ip route add {stranger}/32 via 10.0.41.10 proto static")).unwrap();
    }
    network.relay.run("ip route add 192.168.60.250/32 dev eth0 proto static").unwrap();
    network.relay.run("ip neigh add 192.168.60.250 lladdr 02:00:00:00:00:fa dev eth0 nud permanent").unwrap();
    let mut rig = Rig { network, wires, site, xid: 0x5eed_0000 };
    let strangers = rig.strangers();
    let mut model = Model::new();
    let (mut steps_in_all, mut lost_in_all, mut most) = (0, 0, Duration::ZERO);
    for kill in 0..kills {
        let mode = Mode::ALL[(kill % 3) as usize];
        let group = format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n[[interface]]\nname = \"{EDGE}\"\n\
             server_group = \"core\"\nhost_routes = true\n",
            server(0)
        );
        rig.site.configure(mode, "", &group).unwrap();
        let daemon = rig.site.start().unwrap();
        let mut steps: Vec<Step> = Vec::new();
        let until = Instant::now() + Duration::from_millis(random.between(50, 2500) as u64);
        while Instant::now() < until {
            let now = applied(&model, &steps);
            steps.push(rig.step(&mut random, &now, None));
        }
        let now = applied(&model, &steps);
        let cut = random.below(3);
        steps.push(rig.step(&mut random, &now, Some(cut)));
        let killed = Instant::now();
        rig.site.kill(daemon).unwrap();

        let daemon = rig.site.start().unwrap();
        let table = rig.table();
        let kept = (0..=steps.len()).rev().find(|&kept| applied(&model, &steps[..kept]) == table);
        let Some(kept) = kept else {
            panic!(
                "kill {kill} ({mode:?}): the table is that of no moment since the start\n{table:?}\n{model:?}\n{steps:?}"
            );
        };
        let lost = &steps[kept..];
        let age = lost.first().map_or(Duration::ZERO, |step| killed.saturating_duration_since(step.at));
        assert!(
            age <= LOST_AT_MOST,
            "kill {kill} ({mode:?}): {} steps lost, the first {age:?} old",
            lost.len()
        );
        (steps_in_all, lost_in_all, most) =
            (steps_in_all + steps.len(), lost_in_all + lost.len(), most.max(age));
        model = table;

        let wanted: BTreeSet<Ipv4Addr> = model
            .values()
            .map(|(address, _)| *address)
            .filter(|held| STRANGERS.iter().all(|stranger| *held != address(*stranger, false)))
            .collect();
        wait::until("the host routes are those of the table", DEADLINE, || {
            Ok((rig.own_routes() == wanted).then_some(()))
        })
        .unwrap_or_else(|error| panic!("kill {kill}: {error:#}: {:?}, wanted {wanted:?}", rig.own_routes()));
        assert_eq!(rig.strangers(), strangers, "kill {kill} ({mode:?})");
        assert!(daemon.stop().unwrap().success());
    }
    let clients: BTreeSet<[u8; 6]> = model.keys().map(|client| mac(*client)).collect();
    println!(
        "{kills} kills, {steps_in_all} steps, {lost_in_all} lost, the oldest of them {most:?} before its kill; {} clients \
         bound in the end",
        clients.len()
    );
}
