//! Where SoftHSM is.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// The environment variable that names the module, as other PKCS#11 projects name theirs.
pub(crate) const VARIABLE: &str = "TEST_PKCS11_MODULE";

/// Where packages of the usual distributions put it.
const USUAL: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

pub(crate) fn find() -> Result<PathBuf, Error> {
    match env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(named) => {
            let path = PathBuf::from(named);
            if path.is_file() { Ok(path) } else { Err(missing(&format!("{VARIABLE} names {}", path.display()))) }
        }
        None => USUAL
            .iter()
            .map(Path::new)
            .find(|path| path.is_file())
            .map(Path::to_owned)
            .ok_or_else(|| missing(&format!("looked for {}", USUAL.join(", ")))),
    }
}

fn missing(why: &str) -> Error {
    let text = format!(
        "there is no SoftHSM module ({why}); type `apt-get install softhsm2`, or let {VARIABLE} name the module file"
    );
    Error::new(ErrorKind::ModuleMissing, text)
}
