//! Stock clients against `softicsf kdc serve`: MIT's and Heimdal's programs, GSSAPI, curl, Samba's own tests.
//!
//! `tests/clients/*.txt` are sessions at a shell as those of `tests/transcripts`, with the numbers (T01 ...) of the sessions
//! with MIT's and Heimdal's own KDC that they repeat. What `klist` prints is brought into one line for each ticket: service,
//! flags, life from its start on, and how long it can be renewed from its start on, in whole minutes.

mod clients;
mod gssapi;
mod heimdal;
mod samba;
mod served;
mod tickets;
