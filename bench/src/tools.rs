//! The measuring programs and their maps, loaded: generator, floor, sink, and the wrapper that feeds a program the
//! same frame again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, CpuMap, DevMap, MapData, PerCpuArray, ProgramArray},
    programs::{ProgramFd, TestRun as _, TestRunAttrs, TestRunOptions, Xdp, XdpMode},
};
use nix::time::{ClockId, clock_gettime};

static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("BENCH_BPF_OBJECT"));

/// Octets a template has room for.
pub(crate) const ROOM: usize = 2048;
/// Frames the kernel hands over at a time in a run with live frames.
pub(crate) const BATCH: u32 = 64;

/// Offset in a frame where the time of sending is put: the transaction identifier.
pub(crate) const STAMP: usize = 14 + 20 + 8 + 4;
/// Offset of its complement, behind the Ethernet address in `chaddr`: together they add nothing to the UDP checksum.
pub(crate) const STAMP_COMPLEMENT: usize = 14 + 20 + 8 + 36;

const PROGRAMS: [&str; 13] = [
    "empty",
    "again",
    "direct",
    "again_live",
    "generate",
    "generate_others",
    "generate_stamped",
    "floor_one",
    "floor_all",
    "floor_copy",
    "hop",
    "hopped",
    "discard",
];
const SINKS: [&str; 2] = ["sink", "sink_timed"];

#[derive(Clone, Copy)]
#[repr(C)]
struct Template {
    len: u32,
    reserved: u32,
    frame: [u8; ROOM],
}

// SAFETY: integers alone, no padding: 4 + 4 + 2048 octets.
unsafe impl Pod for Template {}

/// What the XDP programs of a run returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Aborted,
    Drop,
    Pass,
    Transmit,
    Redirect,
}

impl Action {
    fn of(code: u32) -> Result<Self> {
        [Self::Aborted, Self::Drop, Self::Pass, Self::Transmit, Self::Redirect]
            .get(code as usize)
            .copied()
            .with_context(|| format!("XDP action {code}"))
    }
}

/// The loaded object.
pub(crate) struct Tools {
    ebpf: Ebpf,
    template: Array<MapData, Template>,
    turn: Array<MapData, [u32; 2]>,
    position: Array<MapData, [u64; 2]>,
    next: ProgramArray<MapData>,
    one: DevMap<MapData>,
    copies: DevMap<MapData>,
    cpus: CpuMap<MapData>,
    seen: PerCpuArray<MapData, u64>,
    latency: PerCpuArray<MapData, u64>,
}

impl Tools {
    /// Loads everything; `copies` is how many copies the floor makes.
    pub(crate) fn load(copies: u32) -> Result<Self> {
        Self::with_templates(copies, 1)
    }

    /// The same, with room for this many frames that are fed in turn.
    pub(crate) fn with_templates(copies: u32, templates: u32) -> Result<Self> {
        let mut ebpf = EbpfLoader::new()
            .map_max_entries("COPIES", copies)
            .map_max_entries("TEMPLATE", templates)
            .load(OBJECT)?;
        for name in PROGRAMS.iter().chain(&SINKS) {
            let program: &mut Xdp = ebpf.program_mut(name).with_context(|| (*name).to_owned())?.try_into()?;
            program.load().with_context(|| format!("loading {name}"))?;
        }
        let mut take = |name: &str| ebpf.take_map(name).with_context(|| format!("no map {name}"));
        Ok(Self {
            template: take("TEMPLATE")?.try_into()?,
            turn: take("TURN")?.try_into()?,
            position: take("POSITION")?.try_into()?,
            next: take("NEXT")?.try_into()?,
            one: take("ONE")?.try_into()?,
            copies: take("COPIES")?.try_into()?,
            cpus: take("CPUS")?.try_into()?,
            seen: take("SEEN")?.try_into()?,
            latency: take("LATENCY")?.try_into()?,
            ebpf,
        })
    }

    fn xdp(&self, name: &str) -> Result<&Xdp> {
        Ok(self.ebpf.program(name).with_context(|| name.to_owned())?.try_into()?)
    }

    /// A program, for `NEXT`.
    pub(crate) fn program(&self, name: &str) -> Result<ProgramFd> {
        Ok(self.xdp(name)?.fd()?.try_clone()?)
    }

    /// The number the kernel gave a program.
    pub(crate) fn program_id(&self, name: &str) -> Result<u32> {
        Ok(self.xdp(name)?.info()?.id())
    }

    /// The program that the wrappers go on with.
    pub(crate) fn set_next(&mut self, program: &ProgramFd) -> Result<()> {
        Ok(self.next.set(0, program, 0)?)
    }

    /// The frame that is fed or generated.
    pub(crate) fn set_frame(&mut self, frame: &[u8]) -> Result<()> {
        self.set_frames(&[frame])
    }

    /// The frames that are fed or generated, one after the other and again.
    pub(crate) fn set_frames<F: AsRef<[u8]>>(&mut self, frames: &[F]) -> Result<()> {
        for (index, frame) in (0..).zip(frames) {
            let frame = frame.as_ref();
            ensure!(frame.len() < ROOM, "a frame of {} octets", frame.len());
            let mut template = Template { len: u32::try_from(frame.len())?, reserved: 0, frame: [0; ROOM] };
            template.frame[..frame.len()].copy_from_slice(frame);
            self.template.set(index, template, 0)?;
        }
        Ok(self.turn.set(0, [u32::try_from(frames.len())?, 0], 0)?)
    }

    /// Where the floor redirects to: call it in the devices' namespace. With `with_program`, every copy goes through a
    /// program that does nothing, as the relay's go through one that writes.
    pub(crate) fn set_floor(&mut self, devices: &[u32], with_program: bool) -> Result<()> {
        let program = if with_program { Some(self.program("floor_copy")?) } else { None };
        let first = *devices.first().context("a floor without devices")?;
        self.one.set(0, first, program.as_ref(), 0)?;
        for (index, device) in (0..self.copies.len()).zip(devices.iter().cycle()) {
            self.copies.set(index, *device, program.as_ref(), 0)?;
        }
        Ok(())
    }

    /// Where `hop` hands frames to, and how many may wait there.
    pub(crate) fn set_hop(&mut self, cpu: u32, queue: u32) -> Result<()> {
        let program = self.program("hopped")?;
        Ok(self.cpus.set(cpu, queue, Some(&program), 0)?)
    }

    /// Runs a wrapper over the frame: what it returned last, and the CPU time of this thread.
    pub(crate) fn test_run(
        &mut self,
        wrapper: &str,
        frame: &[u8],
        device: u32,
        repeat: u32,
    ) -> Result<(Action, Duration)> {
        self.position.set(0, [0, 0], 0)?;
        let context = context(frame, device)?;
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            repeat,
            ..TestRunOptions::default()
        };
        let program = self.xdp(wrapper)?;
        let start = cpu_time()?;
        let result = program.test_run(options)?;
        let spent = cpu_time()?.saturating_sub(start);
        Ok((Action::of(result.return_value)?, spent))
    }

    /// Runs the program that was set next over one frame, as cheaply as a system call allows.
    pub(crate) fn feed(&self, frame: &[u8], device: u32) -> Result<Action> {
        self.repeat("direct", frame, device, 1)
    }

    /// Runs a wrapper over a frame of which the relay leaves both ends where they are; nothing is sent.
    pub(crate) fn repeat(&self, wrapper: &str, frame: &[u8], device: u32, repeat: u32) -> Result<Action> {
        let context = context(frame, device)?;
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            repeat,
            ..TestRunOptions::default()
        };
        Action::of(self.xdp(wrapper)?.test_run(options)?.return_value)
    }

    /// Runs a program on live frames, as if they came in on `device`.
    pub(crate) fn live_run(
        &self,
        program: &str,
        frame: &[u8],
        device: u32,
        frames: u32,
        batch: u32,
    ) -> Result<()> {
        let context = context(frame, device)?;
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(batch),
            ..TestRunOptions::default()
        };
        self.xdp(program)?.test_run(options)?;
        Ok(())
    }

    /// Puts a program on a device of this thread's namespace, for as long as the object lives.
    pub(crate) fn attach(&mut self, program: &str, device: u32, mode: XdpMode) -> Result<()> {
        let program: &mut Xdp =
            self.ebpf.program_mut(program).with_context(|| program.to_owned())?.try_into()?;
        program.attach_to_if_index(device, mode)?;
        Ok(())
    }

    /// Frames the sinks have counted.
    pub(crate) fn seen(&self) -> Result<u64> {
        Ok(self.seen.get(&0, 0)?.iter().sum())
    }

    /// Frames by bucket of nanoseconds on the way.
    pub(crate) fn latency(&self) -> Result<Vec<u64>> {
        (0..self.latency.len()).map(|bucket| Ok(self.latency.get(&bucket, 0)?.iter().sum())).collect()
    }
}

/// `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
fn context(frame: &[u8], device: u32) -> Result<Vec<u8>> {
    let words = [0, u32::try_from(frame.len())?, 0, device, 0, 0];
    Ok(words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect())
}

/// CPU time of the calling thread.
pub(crate) fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// CPU time so far: of the calling thread, and of the kernel's thread for softirqs on a CPU.
pub(crate) struct Busy {
    thread: Duration,
    softirq: Duration,
}

impl Busy {
    pub(crate) fn now(cpu: usize) -> Result<Self> {
        Ok(Self { thread: cpu_time()?, softirq: softirq_time(cpu)? })
    }

    pub(crate) fn since(&self, before: &Self) -> Duration {
        self.thread.saturating_sub(before.thread) + self.softirq.saturating_sub(before.softirq)
    }
}

/// CPU time that a task of /proc has had: the first number of its schedstat.
pub(crate) fn schedstat(task: &Path) -> Result<Duration> {
    let path = task.join("schedstat");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(Duration::from_nanos(text.split(' ').next().context("an empty schedstat")?.parse()?))
}

/// ksoftirqd's own time.
fn softirq_time(cpu: usize) -> Result<Duration> {
    let wanted = format!("ksoftirqd/{cpu}");
    schedstat(&task(|name| name == wanted).with_context(|| format!("there is no {wanted}"))?)
}

/// The first task of /proc whose name is like that.
pub(crate) fn task(is: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let tasks = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found =
        tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| is(name.trim_end())));
    found.next()
}
