//! What is noted of the message in hand in memory of this CPU: more than fits on the stack, and than the verifier should follow.

use relay_common::{Frame as _, Options, abi::Cut, agent, event, record, wire::bootp::option};

use super::{XdpFrame, forgotten};

impl XdpFrame {
    /// A message begins: no interface is known yet, and no option 82 inserted.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe {
            (*self.notes).blamed = 0;
            (*self.notes).cut.near = 0;
        }
    }

    /// What some servers get less of the option 82 that was inserted.
    #[inline(always)]
    pub(crate) fn cut(&self) -> Cut {
        // SAFETY: as for `begin`.
        unsafe { (*self.notes).cut }
    }

    /// The same for a record that is not aligned for the fields: in whole words, which the compiler does not make calls of.
    #[inline(always)]
    pub(crate) fn leave_cut(&self, record: *mut Cut) {
        // SAFETY: as for `begin`.
        let from: *const u32 = unsafe { &raw const (*self.notes).cut }.cast();
        let to: *mut u32 = record.cast();
        for word in 0..size_of::<Cut>() / size_of::<u32>() {
            // SAFETY: as for `begin`, and the record is the caller's.
            unsafe { to.add(word).write(from.add(word).read_volatile()) };
        }
    }

    /// Bit i: server i is one of these.
    #[inline(always)]
    pub(crate) fn near(&self) -> u32 {
        // SAFETY: as for `begin`.
        forgotten(unsafe { (*self.notes).cut.near } as usize) as u32
    }

    /// Leaves what a walk has found to the caller of the function that walked.
    #[inline(always)]
    pub(crate) fn found(&mut self, options: Options) {
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe { (&raw mut (*self.notes).found).write(options) };
    }

    /// Keeps the hashes of what stands in option 61, if a record cannot hold it, and 82 for those who ask later.
    #[inline(always)]
    pub(crate) fn note_hashes(&mut self, options: &Options) {
        let client_id = self.value_of(record::option::CLIENT_ID);
        let client_id = self.value_hash(client_id.filter(|&(_, len)| len > event::CLIENT_ID_LEN));
        let agent = self.value_hash(match options.agents {
            1 => Some((options.agent + 2, options.agent_len - 2)),
            _ => self.value_of(option::RELAY_AGENT),
        });
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe {
            (*self.notes).client_id = client_id;
            (*self.notes).agent = agent;
        }
    }

    /// Where the value of the last option with this code begins, and its octets.
    #[inline(always)]
    fn value_of(&self, code: u8) -> Option<(usize, usize)> {
        let at = self.offset(self.noted_option(code)?);
        Some((at + 2, usize::from(self.u8(at + 1)?)))
    }

    /// 0 when there is no value, or it lies outside the frame.
    #[inline(always)]
    fn value_hash(&self, value: Option<(usize, usize)>) -> u64 {
        let Some((at, len)) = value else { return 0 };
        agent::whole_in(self, self.offset(at), forgotten(len) & agent::MAX_VALUE).unwrap_or(0)
    }

    /// The hash that was kept for option 61 or 82, 0 when there is none.
    #[inline(always)]
    pub(crate) fn noted_hash(&self, code: u8) -> u64 {
        if self.noted_option(code).is_none() {
            return 0;
        }
        // SAFETY: as for `note_hashes`.
        unsafe { if code == option::RELAY_AGENT { (*self.notes).agent } else { (*self.notes).client_id } }
    }
}
