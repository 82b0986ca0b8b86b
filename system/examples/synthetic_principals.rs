//! Adds services with random keys to the local realm of a system: `synthetic_principals DIRECTORY COUNT`.
//!
//! ```text
//! softicsf init sys --generate-master-keys && softicsf -C sys realm create EXAMPLE.COM
//! cargo run --release -p softicsf --example synthetic_principals -- sys 10000
//! ```

use std::error::Error;
use std::path::Path;

use softicsf::{Caller, NewKeys, PrincipalSettings, System};

fn main() -> Result<(), Box<dyn Error>> {
    let [directory, count] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_given: Vec<_>| "synthetic_principals DIRECTORY COUNT")?;
    let system = System::open(Path::new(&directory))?;
    let issuer = Caller::user("IBMUSER".parse()?);
    for number in 0..count.parse::<u32>()? {
        let name = format!("host/h{number:05}.example.com").parse()?;
        system.saf().add_principal(&issuer, &name, NewKeys::Random, &PrincipalSettings::default())?;
    }
    Ok(())
}
