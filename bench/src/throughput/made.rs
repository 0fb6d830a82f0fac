//! The same with a generator that is not the limit: frames made in the kernel, more of them than a relay on a CPU of its own takes.
//! What is told is what arrives; the veth of the clients loses the rest, so that there is no rate without loss.

use std::time::Duration;

use anyhow::{Context as _, Result};
use relay_tests::subject::Mode;

use crate::{
    contestant::Contestant,
    figures::{Samples, rate, table},
    flood::wire,
    load::{Outcome, settled},
    placement::{GENERATOR, Placement},
    rig::Rig,
    tools::Tools,
};

const SERVERS: [usize; 3] = [1, 2, 4];
const NATIVE: Contestant = Contestant::Ours { mode: Mode::Native, option82: true };
const CONTESTANTS: [Contestant; 2] = [NATIVE, Contestant::Bare];
/// One measurement.
const TRIAL: Duration = Duration::from_secs(1);

/// # Errors
/// The relay does not come up.
pub(super) fn run(repeats: usize) -> Result<String> {
    let mut rows = Vec::new();
    for servers in SERVERS {
        for contestant in CONTESTANTS {
            let (offered, delivered) = measure(contestant, servers, repeats)
                .with_context(|| format!("{}, {servers} servers", contestant.title()))?;
            rows.push(vec![
                contestant.title(),
                servers.to_string(),
                rate(offered.median()),
                rate(delivered.median()),
                format!("**{}**", rate(servers as f64 * delivered.median())),
            ]);
        }
    }
    let head = ["relay", "servers", "requests/s offered", "relayed", "copies/s"];
    Ok(format!(
        "\n#### Frames made in the kernel, {}\n\n{}\nThe daemon, which hears of every message, is on that CPU as well; in the flood of the \
         client table (below) it is on the other one.\n",
        Placement::Own.title(),
        table(&head, &rows)
    ))
}

/// Requests a second, offered and relayed to every server.
fn measure(contestant: Contestant, servers: usize, repeats: usize) -> Result<(Samples, Samples)> {
    let rig = Rig::new("made", servers, servers)?;
    let mut tools = Tools::load(u32::try_from(servers)?)?;
    let running = contestant.start(&rig, &mut tools)?;
    let _placed = Placement::Own.place(&rig, &running)?;
    let (frame, device) = (rig.discover(), rig.client.ifindex("eth0")?);
    tools.set_frame(&frame)?;
    rig.client.enter(|| {
        let [mut offered, mut delivered] = [Samples::default(), Samples::default()];
        for _ in 0..repeats {
            let before = tools.seen()?;
            let what = ("generate", &frame[..], device);
            let sent = wire::offer(&tools, what, (GENERATOR, f64::INFINITY), |took| took < TRIAL)?;
            let arrived = settled(&tools)? - before;
            let outcome = Outcome { sent: sent.frames, arrived, elapsed: sent.took };
            offered.push(outcome.offered());
            delivered.push(outcome.delivered(servers));
        }
        Ok((offered, delivered))
    })?
}
