//! The example of a server with this library in it does what it says.

#[path = "../../examples/rse_daemon.rs"]
#[allow(dead_code, reason = "a program, of which the test runs the day")]
mod rse_daemon;

#[test]
fn a_day_of_the_daemon() {
    let mut log = Vec::new();
    rse_daemon::a_day(&mut log).unwrap();
    assert_eq!(
        String::from_utf8(log).unwrap().lines().collect::<Vec<_>>(),
        [
            "wrong password: FAILED SAF 8/8/20",
            "connected; submit: OK SUBMIT",
            "card pulled; submit: FAILED SAF 8/16/28",
            "card back; submit: OK SUBMIT",
        ]
    );
}
