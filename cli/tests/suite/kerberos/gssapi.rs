//! GSSAPI: delegation, mutual authentication, and a web server with our keytab.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::served::Served;

/// T50, T51: with a forwardable ticket a server gets a forwarded one, without it does not; and each knows who the other is.
#[test]
fn delegation() {
    Served::new(&[]).play("delegation.txt");
}

/// T80.
#[test]
fn curl_negotiates_with_a_web_server() {
    let served = Served::new(&[]);
    served.well("softicsf principal add HTTP/localhost --random-key");
    served.well("softicsf keytab export http.keytab HTTP/localhost");
    let mut web = served.script("web", &["http.keytab"]);
    let mut server = web.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let page = format!("http://localhost:{}/", port.trim());
    let curl = format!("curl --silent --show-error --negotiate --user : {page}");

    let (said, status) = served.run(&format!("{curl} --fail"));
    assert_eq!(status, "22", "no ticket, no page: {said}");
    assert!(said.contains("401"), "{said}");
    served.well("kinit alice < alice.pw");
    assert_eq!(served.well(&curl), "hello alice@EXAMPLE.COM\n");
    let listed = served.well("klist -f");
    assert!(listed.contains("HTTP/localhost@EXAMPLE.COM"), "{listed}");

    // Without the engine the server goes on, for those who have their ticket.
    served.well("softicsf engine offline");
    assert_eq!(served.well(&curl), "hello alice@EXAMPLE.COM\n");
    served.well("kdestroy");
    assert_eq!(served.run(&format!("{curl} --fail")).1, "22");
    drop(server.stdin.take());
    server.wait().unwrap();
}
