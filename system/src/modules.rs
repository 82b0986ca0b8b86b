//! Whether PKCS#11 modules are softicsf's alone in this process: what `C_Finalize` ends, it ends for all who use a module.

use std::sync::atomic::{AtomicBool, Ordering};

/// A module is the process's, so this is too.
static OWNED: AtomicBool = AtomicBool::new(false);

/// Says that nothing else in this process uses the PKCS#11 modules of the systems that are opened from now on. Then a module
/// is finalized and started again where nothing else brings its token back: SoftHSM does not see a token directory that
/// returns, and a module that was started while another program wrote the files of its token does not read them again.
///
/// Without this call no module is ever finalized, and after such a loss the process has to be restarted. The command line
/// makes it; a program that embeds softicsf does so if it uses the same modules for nothing else.
///
/// ```
/// softicsf::own_modules();
/// ```
pub fn own_modules() {
    OWNED.store(true, Ordering::Relaxed);
}

pub(crate) fn are_owned() -> bool {
    OWNED.load(Ordering::Relaxed)
}
