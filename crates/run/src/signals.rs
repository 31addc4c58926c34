//! The signals that muster hears while a job runs. The handlers only write to a socket; the loop reads it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::SigSet;
use rustix::process::Signal;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// The signals that are passed on to the job.
const PASSED_ON: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::TERM, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Everything that arrives from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

/// One signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A child ended or stopped.
    Child,
    /// INT or TERM: somebody wants the end.
    End(Signal),
    /// HUP, QUIT, USR1, USR2: the job knows what it means.
    Other(Signal),
}

impl Signals {
    /// Starts to listen, and unblocks everything: whoever started us may have blocked signals, and the job inherits
    /// the mask. `ignored` are the signals that were ignored at our start (bit 0 for signal 1): those stay ignored,
    /// for us and for the job, which is what nohup(1) promises.
    pub(crate) fn listen(ignored: u64) -> io::Result<Self> {
        let heard = PASSED_ON
            .iter()
            .map(|signal| signal.as_raw())
            .filter(|number| ignored & (1 << (number - 1)) == 0)
            .chain([Signal::CHILD.as_raw()]);
        let (read, write) = UnixStream::pair()?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, heard)?;
        SigSet::empty().thread_set_mask()?;
        Ok(Self { delivery })
    }

    /// What to poll.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// What arrived since the last time. The same signal twice in a moment may come once.
    pub(crate) fn take(&mut self) -> Vec<Heard> {
        self.delivery.pending().filter_map(heard).collect()
    }
}

fn heard(number: i32) -> Option<Heard> {
    if number == Signal::CHILD.as_raw() {
        return Some(Heard::Child);
    }
    let signal = Signal::from_named_raw(number)?;
    Some(if matches!(signal, Signal::INT | Signal::TERM) { Heard::End(signal) } else { Heard::Other(signal) })
}
