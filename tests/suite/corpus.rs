//! The seeds of the fuzzers, and whatever they have found since, run as an ordinary test.

use std::fs;
use std::path::Path;

use softicsf_tests::TARGETS;

#[test]
fn every_seed_of_every_fuzzer_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in TARGETS {
        let mut seeds: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.display());
            let data = fs::read(&seed).unwrap();
            target(&data);
            // Cut off and changed, it is what a fuzzer tries first.
            for at in 0..data.len().min(300) {
                target(&data[..at]);
                let mut changed = data.clone();
                changed[at] ^= 0x41;
                target(&changed);
            }
        }
    }
}
