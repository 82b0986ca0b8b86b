//! Ctrl-C, and the other signals that ask a process to go: it goes at once, unless it is inside a token.
//!
//! Then it goes when the call is over: SoftHSM loses the token of a process that ends within a login. A call that hangs is
//! given up by the engine; who does not want to wait for that asks once more, a second or so later. (Some senders, as
//! `timeout`, send each signal twice in one moment, and that is not asking once more.)

use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use softicsf::quiesce;

use crate::output::talk;

/// How long it waits before it says that it does.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// From here on the signals are looked at by a thread of their own. Where that cannot be had they do what they always do.
pub(crate) fn handle() {
    let (given, taken) = mpsc::channel();
    let watch = move || taken.recv().map(watch);
    // The thread comes first: signals that are caught and not looked at would be lost.
    if thread::Builder::new().name("signals".to_owned()).spawn(watch).is_err() {
        return;
    }
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    if let Ok(signals) = Signals::new(wanted) {
        let _ = given.send(signals);
    }
}

/// The last thing of a process: it does not end by itself when it was told to end.
pub(crate) fn settle() {
    while quiesce::is_begun() {
        thread::park();
    }
}

/// The signals that whoever started us wants ignored (nohup does), as a bit mask; none where that cannot be seen.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn watch(mut signals: Signals) {
    let Some(signal) = signals.forever().next() else { return };
    quiesce::begin();
    if quiesce::wait(PATIENCE) {
        end(signal);
    }
    // What came meanwhile was sent before anybody could know that it takes a while.
    let _ = signals.pending().count();
    talk("softicsf: waiting for the token to answer; interrupted once more it ends at once");
    let began = Instant::now();
    while !quiesce::wait(PAUSE) {
        if signals.pending().next().is_some() {
            let waited = began.elapsed().as_secs() + PATIENCE.as_secs();
            talk(&format!(
                "softicsf: ended inside the token, which had not answered for {waited} s: one kept in files may be damaged"
            ));
            break;
        }
    }
    end(signal);
}

/// Ends the process as the signal does by itself, so that whoever started it sees which one it was.
fn end(signal: i32) -> ! {
    let _ = emulate_default_handler(signal);
    process::exit(128 + signal)
}
