//! Compiles the shim, a library that the fixtures carry inside them and write out for each card.
//!
//! Stable Cargo cannot give one package the dynamic library of another, neither under `cargo test -p` of a third
//! package nor for strangers. So the compiler is called here, on sources that need nothing but the standard library.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=shim");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    if env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        return Ok(()); // the crate itself says so, better than this script could
    }

    let library = PathBuf::from(env::var("OUT_DIR")?).join("libsofthsm_shim.so");
    let mut compiler = Command::new(env::var("RUSTC")?);
    compiler.arg(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("shim/lib.rs")).arg("-o").arg(&library);
    compiler.args(["--crate-name=softhsm_shim", "--crate-type=cdylib", "--edition=2024", "--cap-lints=allow"]);
    // Small and quick to copy; and a panic would have no one above it to tell.
    compiler.args(["-Copt-level=2", "-Ccodegen-units=1", "-Cpanic=abort", "-Cstrip=symbols"]);
    compiler.args(["--target", &env::var("TARGET")?]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compiler.arg(format!("-Clinker={linker}"));
    }
    compiler.args(linker_flags(&env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default()));

    let status = compiler.status()?;
    if status.success() { Ok(()) } else { Err(format!("the shim does not compile: {status}").into()) }
}

/// Of the flags that the user has for all crates those without which nothing links. Others, as for measuring coverage,
/// would make the shim do more than it should inside somebody's test.
fn linker_flags(flags: &str) -> Vec<String> {
    let wanted = |flag: &str| flag.starts_with("link") || flag == "target-feature=-crt-static";
    let mut kept = Vec::new();
    let mut before = "";
    for flag in flags.split('\x1f') {
        let codegen = if before == "-C" || before == "--codegen" { Some(flag) } else { flag.strip_prefix("-C") };
        if let Some(codegen) = codegen.filter(|codegen| wanted(codegen)) {
            kept.push(format!("-C{codegen}"));
        }
        before = flag;
    }
    kept
}
