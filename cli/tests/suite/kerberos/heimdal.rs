//! Heimdal's clients, from their packages beside MIT's: see `tests/kerberos/heimdal`.

use super::served::Served;

#[test]
fn tickets() {
    Served::new(&[]).play("heimdal.txt");
}
