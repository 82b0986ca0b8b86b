//! Heimdal's clients, from their packages beside MIT's: see `tests/kerberos/heimdal`.

use super::served::Served;

/// With error 60: at 29 Heimdal 7.8 asks on and on, whoever the KDC is.
#[test]
fn tickets() {
    Served::new(&["--engine-error", "60"]).play("heimdal.txt");
}
